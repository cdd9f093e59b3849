import type { AroundCall } from '../fullscript/api-client.js';
import { FullscriptApiError } from '../fullscript/errors.js';
import { httpMethod } from './http-method.js';
import type { Tracer } from './tracer.js';

/** A span for each request that goes out to Fullscript's API, repeated ones included. */
export function tracedApiCalls(tracer: Tracer): AroundCall | undefined {
  if (!tracer.on) return undefined;
  return (call, send) => {
    const method = httpMethod(call.method);
    const attributes = {
      'http.request.method': method,
      'server.address': call.hostname,
      ...(call.resent > 0 && { 'http.request.resend_count': call.resent }),
    };
    return tracer.span(
      { name: `Fullscript ${method}`, kind: 'client', attributes },
      async (span) => {
        const result = await send();
        if (result instanceof FullscriptApiError) {
          span.fail(result.code);
          return result;
        }
        span.set({ 'http.response.status_code': result.status });
        if (result.status >= 400) span.fail(String(result.status));
        return result;
      },
    );
  };
}
