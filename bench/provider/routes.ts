import type { IncomingMessage, ServerResponse } from 'node:http';
import { authorize, FULLSCRIPT_SCOPE } from './authorize.js';
import { answerControl, answerCounts } from './control.js';
import { discoveryDocument } from './discovery.js';
import { sendEmpty, sendJson } from './http.js';
import type { Provider } from './provider.js';
import { answerClinic, answerUserinfo } from './resource.js';
import { answerRevoke, answerToken, writeFullscript, writeStandard } from './token-endpoint.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Every route of both dialects, by method and path. */
export function createRoutes(provider: Provider): ReadonlyMap<string, Answer> {
  const clinic: Answer = (request, response) => answerClinic(provider, request, response);
  return new Map<string, Answer>([
    ['GET /api/clinic', clinic],
    ['GET /resource/clinic', clinic],
    ...standardRoutes(provider),
    ...fullscriptRoutes(provider),
    ['GET /control', (_request, response) => answerCounts(provider, response)],
    ['POST /control', (request, response) => answerControl(provider, request, response)],
  ]);
}

function standardRoutes(provider: Provider): [string, Answer][] {
  const document = discoveryDocument(provider.issuer);
  const { jwks } = provider.idTokens;
  return [
    ['GET /.well-known/openid-configuration', (_, response) => sendJson(response, 200, document)],
    ['GET /jwks', (_, response) => sendJson(response, 200, jwks)],
    [
      'GET /authorize',
      (request, response) => {
        const exchange = { query: queryOf(request), response };
        authorize(provider, exchange, { scope: undefined, withIssuer: true });
      },
    ],
    [
      'POST /token',
      (request, response) => answerToken(provider, { request, response }, writeStandard),
    ],
    ['GET /userinfo', (request, response) => answerUserinfo(provider, request, response)],
  ];
}

function fullscriptRoutes(provider: Provider): [string, Answer][] {
  return [
    [
      'GET /api/oauth/authorize',
      (request, response) => {
        const exchange = { query: queryOf(request), response };
        authorize(provider, exchange, { scope: FULLSCRIPT_SCOPE, withIssuer: false });
      },
    ],
    [
      'POST /api/oauth/token',
      (request, response) => answerToken(provider, { request, response }, writeFullscript),
    ],
    [
      'POST /api/oauth/revoke',
      (request, response) => answerRevoke(provider, { request, response }),
    ],
  ];
}

export function notFound(response: ServerResponse): void {
  sendEmpty(response, 404);
}

function queryOf(request: IncomingMessage): URLSearchParams {
  return new URLSearchParams(request.url?.split('?')[1] ?? '');
}
