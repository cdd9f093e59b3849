import { type Request, Router } from 'express';
import { StoreUnavailableError } from '../grants/errors.js';
import { grantId } from '../grants/grant.js';
import type { ActivityPage, UserActivity } from '../grants/user-activity.js';
import type { ListedSession, UserSessions } from '../grants/user-sessions.js';
import { UNKNOWN_DEVICE } from '../http/device-label.js';
import { type SignedIn, signedIn, userOf } from '../http/signed-in.js';
import { activityView } from './activity-view.js';
import { moment } from './moment.js';

export interface AccountRoutesDeps {
  readonly sessionStore: Pick<UserSessions, 'list' | 'nameOf'>;
  readonly activity: Pick<UserActivity, 'list'>;
  readonly signInPath: (req: Request) => string;
}

type OwnSession = ListedSession & { readonly current: boolean };

const PATH = '/portal/account';
const ENTRIES_A_PAGE = 20;
/** More than anybody looks through; the buttons below end the others as well. */
const SESSIONS_SHOWN = 50;

/**
 * Where a user is signed in, and what happened lately. It asks for a session and for nothing else: who
 * cannot connect to Fullscript any more can still see to this. `routes/sign-out.ts` ends what is listed
 * here.
 */
export function accountRoutes(deps: AccountRoutesDeps): Router {
  const { signInPath } = deps;
  const router = Router({ caseSensitive: true });

  router.get(PATH, async (req, res) => {
    const user = signedIn(req);
    if (user === undefined) {
      res.redirect(303, signInPath(req));
      return;
    }
    const [sessions, activity] = await Promise.all([
      sessionsOf(deps, req, user),
      orUndefined(activityOf(deps, req, user)),
    ]);
    const page = { ...sessionsView(sessions), ...activitySection(req, activity) };
    res.render('portal/account', { page });
  });

  // The page's address of before.
  router.get('/portal/sessions', (_req, res) => res.redirect(303, PATH));

  router.get('/api/sessions', async (req, res) => {
    const sessions = await sessionsOf(deps, req, userOf(req));
    res.json({ sessions: sessions.map(sessionAnswer) });
  });

  router.get('/api/activity', async (req, res) => {
    const { entries, next } = await activityOf(deps, req, userOf(req));
    const activity = entries.map((one) => ({ ...one, at: new Date(one.at).toISOString() }));
    res.json({ activity, next: next ?? null });
  });

  return router;
}

async function sessionsOf(
  { sessionStore }: AccountRoutesDeps,
  req: Request,
  { key }: SignedIn,
): Promise<OwnSession[]> {
  const here = sessionStore.nameOf(req.sessionID);
  const listed = await sessionStore.list(grantId(key));
  return listed.map((one) => ({ ...one, current: one.name === here }));
}

function activityOf({ activity }: AccountRoutesDeps, req: Request, { key }: SignedIn) {
  return activity.list(grantId(key), { limit: ENTRIES_A_PAGE, before: cursorOf(req) });
}

/** The store looks at what it means. */
function cursorOf({ query }: Request): string | undefined {
  const { before } = query;
  return typeof before === 'string' ? before : undefined;
}

/** The list of sessions is worth showing without the rest. */
async function orUndefined<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof StoreUnavailableError) return undefined;
    throw error;
  }
}

/** Sessions as the page shows them: the newest, and this browser's in any case. */
export function sessionsView(sessions: readonly OwnSession[]) {
  const newest = sessions.slice(0, SESSIONS_SHOWN);
  const here = sessions.slice(SESSIONS_SHOWN).find(({ current }) => current);
  const shown = here === undefined ? newest : [here, ...newest.slice(0, -1)];
  return {
    older: sessions.length - shown.length,
    sessions: shown.map(({ name, device, address, signedInAt, current }) => ({
      ...{ name, current, address },
      device: device ?? UNKNOWN_DEVICE,
      signedIn: moment(signedInAt),
    })),
    hasOthers: sessions.some(({ current }) => !current),
  };
}

function sessionAnswer({ name, signedInAt, device, address, current }: OwnSession) {
  return {
    ...{ id: name, signedInAt: new Date(signedInAt).toISOString() },
    ...{ device: device ?? null, address: address ?? null, current },
  };
}

function activitySection(req: Request, activity: ActivityPage | undefined) {
  const { entries = [], next } = activity ?? {};
  return {
    activity: activityView(entries),
    activityFailed: activity === undefined,
    newestHref: cursorOf(req) === undefined ? undefined : PATH,
    olderHref: next && `${PATH}?${new URLSearchParams({ before: next }).toString()}`,
  };
}
