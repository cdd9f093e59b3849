import {
  type ApiClient,
  type ApiRequest,
  createApiClient,
} from '../../src/fullscript/api-client.js';

/** A client whose token is always good. */
export function clientAt(apiUrl: string, token = 'access-token-5f21'): ApiClient {
  return createApiClient({
    apiUrl,
    tokenSource: {
      current: () => Promise.resolve(token),
      replacing: () => Promise.resolve(token),
    },
    timeoutMs: 5_000,
    sleep: () => Promise.resolve(),
  });
}

/** A client that is answered without a network: always 200, always this. */
export function answeredWith(body: string): { api: ApiClient; requests: ApiRequest[] } {
  const requests: ApiRequest[] = [];
  const request = (sent: ApiRequest) => {
    requests.push(sent);
    const nothing = { contentType: undefined, requestId: undefined, retryAfter: undefined };
    const answer = { status: 200, body: Buffer.from(body), headers: {}, location: undefined };
    return Promise.resolve({ ...answer, ...nothing });
  };
  return { api: { request }, requests };
}

/** As `answeredWith`, for JSON. */
export const answeredJson = (body: unknown) => answeredWith(JSON.stringify(body));
