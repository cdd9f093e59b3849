import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Snapshot } from './pair.js';

const MAX_KEPT = 1000;

const granted = {
  clientId: z.string(),
  personId: z.string(),
  clinicId: z.string(),
  owner: z.object({ id: z.string(), type: z.enum(['Practitioner', 'Staff', 'Clinic']) }),
  scopes: z.array(z.string()),
  expiresAt: z.number(),
};

const snapshotSchema = z.object({
  codes: z.array(
    z.object({
      ...granted,
      value: z.string(),
      redirectUri: z.string(),
      codeChallenge: z.string().exactOptional(),
      codeChallengeMethod: z.string().exactOptional(),
      spent: z.boolean(),
    }),
  ),
  pairs: z.array(
    z.object({
      ...granted,
      accessToken: z.string(),
      refreshToken: z.string(),
      lifetime: z.number(),
      previousRefreshToken: z.string().exactOptional(),
      createdAt: z.number(),
      revoked: z.boolean(),
    }),
  ),
});

/** Reads the state file; none yet is an empty state, a damaged one stops the start. */
export function readStateFile(path: string): Snapshot {
  if (!existsSync(path)) return { codes: [], pairs: [] };
  const text = readFileSync(path, 'utf8');
  try {
    return snapshotSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(
      `The simulator's state file ${path} cannot be read; delete it to start afresh`,
      {
        cause,
      },
    );
  }
}

/**
 * Writes the state, whole and synchronously: what was answered must outlive a kill.
 * Of codes and of dead pairs only the last thousand are kept: the file must not grow for ever.
 */
export function writeStateFile(path: string, { codes, pairs }: Snapshot): void {
  const dead = pairs.filter((one) => one.revoked).slice(-MAX_KEPT);
  const kept: Snapshot = {
    codes: codes.slice(-MAX_KEPT),
    pairs: [...dead, ...pairs.filter((one) => !one.revoked)],
  };
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, JSON.stringify(kept), { mode: 0o600 });
  renameSync(temporary, path);
}
