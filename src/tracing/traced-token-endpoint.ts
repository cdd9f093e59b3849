import { TokenEndpointError } from '../oauth/errors.js';
import type { Registration } from '../oauth/registration.js';
import type { TokenEndpoint } from '../oauth/token-endpoint.js';
import type { Span, Tracer } from './tracer.js';

/** The same endpoints, with a span for each call. No trace goes along: Fullscript is somebody else. */
export function tracedTokenEndpoint(endpoint: TokenEndpoint, tracer: Tracer): TokenEndpoint {
  if (!tracer.on) return endpoint;

  function call<T>(about: About, send: () => Promise<T>): Promise<T> {
    return tracer.span(startOf(about), (span) => answered(span, send));
  }

  return {
    exchangeCode: (registration, request) => {
      const { tokenUrl: url } = registration.server;
      return call({ name: 'token exchange', url, registration }, () =>
        endpoint.exchangeCode(registration, request),
      );
    },
    refresh: (registration, refreshToken) => {
      const { tokenUrl: url } = registration.server;
      return call({ name: 'token refresh', url, registration }, () =>
        endpoint.refresh(registration, refreshToken),
      );
    },
    revoke: (registration, token) => {
      const { revokeUrl: url } = registration.server;
      return call({ name: 'token revocation', url, registration }, () =>
        endpoint.revoke(registration, token),
      );
    },
  };
}

interface About {
  readonly name: string;
  readonly url: string;
  readonly registration: Registration;
}

function startOf({ name, url, registration }: About) {
  const attributes = {
    'http.request.method': 'POST',
    'server.address': new URL(url).hostname,
    'fullscript_connect.registration': registration.id,
  };
  return { name, kind: 'client' as const, attributes };
}

async function answered<T>(span: Span, send: () => Promise<T>): Promise<T> {
  try {
    const answer = await send();
    span.set({ 'http.response.status_code': 200 });
    return answer;
  } catch (error) {
    const status = error instanceof TokenEndpointError ? error.status : undefined;
    if (status !== undefined) span.set({ 'http.response.status_code': status });
    throw error;
  }
}
