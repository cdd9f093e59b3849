import { Router } from 'express';
import { z } from 'zod';
import { answerPlainly, type Handler } from './answering.js';
import { type Answer, emptyAnswer, jsonAnswer, pageAnswer, redirectAnswer } from './answer.js';
import type { Call } from './call.js';
import { controlPage, refusedFormPage } from './control-page.js';
import { faultInput, revokeInput, scenarioInput, settingsInput } from './control-schemas.js';
import type { Person } from './data/records.js';
import type { FaultPlan } from './faults.js';
import { redirectBody } from './page.js';
import { expireAccessTokens, livePairs, type Provider, revokeOwner } from './provider.js';
import type { RecordedRequest } from './recorder.js';
import type { Scenarios } from './scenarios.js';
import type { SimulatorStats } from './stats.js';
import { STYLE_SHEET } from './style-sheet.js';

interface Deps {
  provider: Provider;
  faults: FaultPlan;
  scenarios: Scenarios;
  people: Person[];
  requests: RecordedRequest[];
  stats: () => SimulatorStats;
  setScopes: (scopes: string[]) => void;
  apiUrl: () => string;
}

/** How the simulator is steered from outside: a page for people, JSON for programs. */
export function createControlRouter(deps: Deps): Router {
  const router = Router();
  const get = (path: string, handler: Handler): unknown => router.get(path, answerPlainly(handler));
  get('/simulator', () => pageAnswer(200, controlPage(controlView(deps))));
  get('/simulator/style.css', styleSheet);
  get('/simulator/state', () => jsonAnswer(200, stateOf(deps)));
  get('/simulator/health', () =>
    jsonAnswer(200, { simulator: 'fullscript', apiUrl: deps.apiUrl() }),
  );
  for (const [name, act] of Object.entries(actions(deps))) {
    router.post(
      `/simulator/${name}`,
      answerPlainly((call) => perform(act, call)),
    );
  }
  return router;
}

type Action = (fields: unknown) => unknown;

function actions({ provider, faults, scenarios, setScopes }: Deps): Record<string, Action> {
  return {
    faults(fields) {
      const wanted = z.array(faultInput).parse(asList(fields));
      for (const fault of wanted) faults.add(fault);
      return { faults: faults.list() };
    },
    'reset-faults'() {
      faults.reset();
      return { faults: [] };
    },
    scenario(fields) {
      const { scenario } = scenarioInput.parse(fields);
      scenarios.play(scenario);
      return { scenario };
    },
    'expire-access-tokens': () => ({ expired: expireAccessTokens(provider) }),
    revoke: (fields) => ({ revoked: revokeOwner(provider, revokeInput.parse(fields).ownerId) }),
    settings(fields) {
      const { scopes, ...changes } = settingsInput.parse(fields);
      const defined = Object.entries(changes).filter(([, value]) => value !== undefined);
      Object.assign(provider.settings, Object.fromEntries(defined));
      if (scopes !== undefined) setScopes(scopes);
      return { settings: provider.settings };
    },
  };
}

/** Runs an action; a form goes back to the control page, a program gets JSON. */
function perform(act: Action, call: Call): Answer {
  if (isForeign(call)) return emptyAnswer(403);
  const isForm = (call.headers['content-type'] ?? '').includes('form-urlencoded');
  let result: unknown;
  try {
    result = act(call.fields);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const reason = z.prettifyError(error);
    return isForm ? pageAnswer(400, refusedFormPage(reason)) : jsonAnswer(400, { error: reason });
  }
  return isForm
    ? redirectAnswer('/simulator', redirectBody('/simulator'), 303)
    : jsonAnswer(200, result);
}

/** Other sites' pages must not steer the simulator of whoever visits them. */
function isForeign({ headers }: Call): boolean {
  const { origin, host = '' } = headers;
  if (headers['sec-fetch-site'] === 'cross-site') return true;
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
}

function asList(fields: unknown): unknown[] {
  // A JSON array arrives as an object with the keys 0, 1, 2…
  if (typeof fields === 'object' && fields !== null && '0' in fields) return Object.values(fields);
  return [fields];
}

function stateOf({ provider, faults, scenarios, stats }: Deps): unknown {
  const scenario = scenarios.current();
  return { ...stats(), scenario, settings: provider.settings, faults: faults.list() };
}

function controlView(deps: Deps): Parameters<typeof controlPage>[0] {
  const live = livePairs(deps.provider);
  return {
    scenario: deps.scenarios.current(),
    people: deps.people.map((person) => ({
      ...person,
      livePairs: live.filter((pair) => pair.personId === person.id).length,
    })),
    stats: Object.entries(deps.stats()),
    settings: deps.provider.settings,
    faults: deps.faults.list().map((fault) => JSON.stringify(fault)),
    requests: deps.requests.slice(-15).reverse(),
    apiUrl: deps.apiUrl(),
  };
}

function styleSheet(): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'max-age=60' },
    body: STYLE_SHEET,
  };
}
