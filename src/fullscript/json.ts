import type { z } from 'zod';
import type { ApiClient, ApiResponse } from './api-client.js';
import { FullscriptApiError, type FullscriptApiErrorCode } from './errors.js';

/** A path below the API base, with its query when it has one. */
type Resource = string | { readonly path: string; readonly query: string };

/**
 * Reads one JSON resource.
 *
 * @throws FullscriptApiError by status, never by body: Fullscript's 401 is empty HTML, and bodies of
 *   other errors come in several shapes.
 */
export async function getJson<T>(
  api: ApiClient,
  resource: Resource,
  schema: z.ZodType<T>,
): Promise<T> {
  const where = typeof resource === 'string' ? { path: resource } : resource;
  const response = await api.request({ method: 'GET', ...where });
  const details = about(response);
  if (response.status !== 200) throw new FullscriptApiError(codeOf(response.status), details);
  const parsed = schema.safeParse(parseJson(response.body));
  if (!parsed.success) throw new FullscriptApiError('fullscript_unexpected', details);
  return parsed.data;
}

function about({ status, requestId, retryAfter }: ApiResponse) {
  return { status, requestId, retryAfter };
}

function codeOf(status: number): FullscriptApiErrorCode {
  if (status === 401) return 'fullscript_unauthorized';
  if (status === 403) return 'fullscript_forbidden';
  if (status === 404) return 'fullscript_not_found';
  if (status === 429) return 'fullscript_rate_limited';
  if (status >= 500) return 'fullscript_unavailable';
  return status >= 400 ? 'fullscript_refused' : 'fullscript_unexpected';
}

/** A byte-order mark, which JSON does not know, is left out by the decoder. */
function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
