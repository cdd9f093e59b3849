import type { Config } from '../config.js';
import { ForeignStoreError, StoreUnavailableError } from '../grants/errors.js';
import { grantId } from '../grants/grant.js';
import { createOwnerTags } from '../http/owner-tags.js';
import { sessionOwner, sessionStart, sessionVisitor } from '../http/session.js';
import { createRedisAuditTrail } from '../redis/audit-trail.js';
import type { RedisClient } from '../redis/client.js';
import { createRedisTeller } from '../redis/connection-signals.js';
import { createRedisDisabledUsers } from '../redis/disabled-users.js';
import { createRedisGrantRecords } from '../redis/grant-records.js';
import { type Installation, createInstallation } from '../redis/installation.js';
import { type OpenClient, openClient } from '../redis/open-client.js';
import { createRedisUserActivity } from '../redis/user-activity.js';
import { createRedisUserSessions } from '../redis/user-sessions.js';
import { type Act, activityEntry, auditEntry } from './act.js';
import type { CommandCall, CommandStore, Outcome, StoreCommand } from './command.js';
import { isKept, nothingKept } from './kept-store.js';

export interface RunDeps {
  readonly config: Config;
  readonly command: StoreCommand;
  readonly call: CommandCall;
}

const NOTHING_TO_ADMINISTER =
  'REDIS_URL is unset and no redis-server is installed, so sessions and users live in the memory of the ' +
  'server process, where no other process sees them. Nothing was done. Restarting the server ends all ' +
  'sessions.';

/**
 * Runs a command on the configured store, and writes down what it did.
 *
 * @returns undefined when it could not: why has been said.
 */
export async function runOnStore({ config, command, call }: RunDeps): Promise<Outcome | undefined> {
  const { say, waits } = call;
  if (config.store === 'embedded' && !isKept(config.dataDir)) {
    say(nothingKept(config.dataDir));
    return undefined;
  }
  const opened = await openClient({ config, say, readyWaitMs: waits.readyMs });
  if (opened === undefined) {
    say(NOTHING_TO_ADMINISTER);
    return undefined;
  }
  try {
    if (!command.anyStore && (await installationOf(opened, config).owner()) === 'foreign') {
      say(new ForeignStoreError().message);
      return undefined;
    }
    const outcome = await command.run(storeOf(opened), call, config);
    if (outcome.act !== undefined) await writeDown(opened.client, outcome.act, config);
    return outcome;
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    say(`${opened.reasonOf(error)}. It may be half done: run it again.`);
    return undefined;
  } finally {
    await opened.close();
  }
}

/** Whose store it is. */
export function installationOf(
  { client }: Pick<OpenClient, 'client'>,
  { sealingKeys }: Pick<Config, 'sealingKeys'>,
): Installation {
  return createInstallation({ client, sealingKeys });
}

/** For whoever answers for the installation, and for the user. */
export async function writeDown(
  client: RedisClient,
  act: Act,
  { session }: Pick<Config, 'session'>,
): Promise<void> {
  const at = Date.now();
  const ownerTag = createOwnerTags(session.secrets).inLogs;
  await createRedisAuditTrail(client).record('administration', [auditEntry(act, { ownerTag, at })]);
  const entry = activityEntry(act, at);
  if (act.key === undefined || entry === undefined) return;
  await createRedisUserActivity(client).record(grantId(act.key), entry);
}

/** What commands work on, as `openClient` has opened it. */
export function storeOf({ client, address, reasonOf, openAnother }: OpenClient): CommandStore {
  // What is not told shows a quarter of a minute later.
  const onEnded = createRedisTeller({ client, onError: () => undefined });
  const known = { ownerOf: sessionOwner, signedInAt: sessionStart, visitor: sessionVisitor };
  return {
    ...{ client, address, reasonOf, openAnother },
    sessions: createRedisUserSessions({ client, ...known, onEnded }),
    disabledUsers: createRedisDisabledUsers(client),
    records: createRedisGrantRecords(client),
  };
}
