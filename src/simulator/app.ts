import express, { type ErrorRequestHandler, type Express } from 'express';
import { type Answering, answerPlainly } from './answering.js';
import { emptyAnswer, notFoundAnswer, sendAnswer } from './answer.js';
import { createAuthorizeRouter } from './authorize-router.js';
import { createTokenInfo } from './bearer.js';
import type { Clients } from './clients.js';
import { createControlRouter } from './control-router.js';
import type { DataSet } from './data/records.js';
import type { FaultPlan } from './faults.js';
import type { Provider } from './provider.js';
import type { createRecorder } from './recorder.js';
import { createResourceRouter } from './resource-router.js';
import { createRevokeEndpoint } from './revoke-endpoint.js';
import type { Scenarios } from './scenarios.js';
import { createSessions } from './sessions.js';
import { createSignInRouter } from './sign-in-router.js';
import type { SimulatorStats } from './stats.js';
import { createTokenEndpoint } from './token-endpoint.js';

/** What the pieces of the simulator share. */
export interface AppDeps {
  provider: Provider;
  clients: Clients;
  data: DataSet;
  faults: FaultPlan;
  scenarios: Scenarios;
  recorder: ReturnType<typeof createRecorder>;
  answering: Answering;
  stats: () => SimulatorStats;
  setScopes: (scopes: string[]) => void;
  legacyClinicTokens: boolean;
  /** Known only once the server listens. */
  address: { origin: string };
}

/** The simulator's middleware and routers, in order. */
export function createApp(deps: AppDeps): Express {
  const { provider, clients, data, answering, recorder, address } = deps;
  const sessions = createSessions();
  const { people } = data;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // Raw, so that a malformed body reaches the endpoint that has to answer it.
  app.use(express.raw({ type: () => true, limit: '1mb' }));
  app.use(recorder.record);
  app.use(
    createControlRouter({
      ...deps,
      people,
      requests: recorder.requests,
      apiUrl: () => `${address.origin}/api`,
    }),
  );
  app.use(createSignInRouter({ sessions, people }));
  app.use(createAuthorizeRouter({ ...deps, sessions }));
  app.post('/api/oauth/token', answering('token', createTokenEndpoint({ provider, clients })));
  app.all(
    '/api/oauth/token',
    answering('token', () => emptyAnswer(404)),
  );
  app.post('/api/oauth/revoke', answering('revoke', createRevokeEndpoint({ provider, clients })));
  app.get('/api/oauth/token/info', answering('api', createTokenInfo(provider)));
  app.use(createResourceRouter({ provider, data, answering }));
  app.use(answerPlainly(notFoundAnswer));
  app.use(handleError);
  return app;
}

/** Bodies that are too large or cut short; anything else is a fault of our own. */
// eslint-disable-next-line max-params -- Express tells error handlers by their four parameters
const handleError: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  if (res.headersSent) {
    next(error);
    return;
  }
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
  sendAnswer(res, emptyAnswer(status));
};
