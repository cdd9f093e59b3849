import { count } from '../terminal/progress-line.js';
import type { KeyReport, RotationReport } from './report.js';

/** The result in words, a line each: what was done, what each key is needed for, what to do. */
export function reportText(report: RotationReport): string[] {
  const { status } = report;
  if (status === 'interrupted') return [...stopped(report), 'Run it again to go on.'];
  if (status === 'failed') {
    const failed = `${String(report.failure)}, several times in a row.`;
    return [failed, ...stopped(report), 'Nothing is lost: run it again to go on.'];
  }
  const others = report.keys.filter(({ id }) => id !== report.sealingKey);
  return [
    stored(report),
    ...others.flatMap((key) => needed(report, key)),
    ...closing(report, others.length),
  ];
}

function stopped({ grants, left, resealed }: RotationReport): string[] {
  if (grants === null || left === null) return ['No grant was changed.'];
  return [`${grantsIn(resealed)} sealed anew; about ${count(left)} of ${count(grants)} are left.`];
}

function stored({ grants, keys, sealingKey, resealed, dryRun }: RotationReport): string {
  if (grants === null || grants === 0) return 'No grants are stored.';
  const current = keys.find(({ id }) => id === sealingKey)?.grants ?? 0;
  const all = current === grants ? 'all of them' : count(current);
  const now = `${grantsAre(grants)} stored, ${all} sealed with key "${sealingKey}"`;
  if (dryRun) return `${now}. Nothing was changed.`;
  if (resealed > 0) return `${now}; ${count(resealed)} sealed anew just now.`;
  return current === grants ? `${now}: nothing to do.` : `${now}.`;
}

/** What a key is still needed for, and what to do about it. */
function needed({ sealingKey, dryRun }: RotationReport, key: KeyReport): string[] {
  const { configured, grants, unopenable, journal } = key;
  const name = key.id === '' ? 'A key without a name' : `Key "${key.id}"`;
  const openable = grants - unopenable;
  const advice = dryRun
    ? 'Run this without --dry-run.'
    : `A server still seals with it: restart every server with "${sealingKey}" in front, and run this again.`;
  return [
    ...(configured && openable > 0
      ? [`${name} is still needed by ${count(openable)} ${grantWord(openable)}. ${advice}`]
      : []),
    ...(configured && unopenable > 0
      ? [
          `${grantsIn(unopenable)} of key "${key.id}" cannot be opened with it: altered, or it is another ` +
            'key by the same name. Without the right one their users have to connect again.',
        ]
      : []),
    ...(!configured && unopenable > 0
      ? [
          `${name} is not in TOKEN_ENCRYPTION_KEYS, and ${grantsAre(unopenable)} sealed with it, which ` +
            'nobody can open: put it back behind the first one, restart the servers, and run this again.',
        ]
      : []),
    ...(journal > 0
      ? [
          `${name} is still needed by ${count(journal)} refreshed ${journal === 1 ? 'pair' : 'pairs'} in the ` +
            `journal of DATA_DIR. A running server that has the key saves them: run this again then.`,
        ]
      : []),
  ];
}

function closing({ removable, removeAfter, sealingKey }: RotationReport, others: number): string[] {
  if (others === 0) {
    const how = 'To rotate, put a new one in front (docs/operations.md, "Rotating keys").';
    return [`"${sealingKey}" is the only key: there is nothing to rotate. ${how}`];
  }
  if (removeAfter === null) return [];
  const [keys, are, them] = removable.length === 1 ? ['Key', 'is', 'it'] : ['Keys', 'are', 'them'];
  const names = removable.map((id) => `"${id}"`).join(', ');
  return [
    `${keys} ${names} ${are} no longer needed by any grant. Sign-ins under way and disconnects need ` +
      `${them} for up to a day: remove ${them} from TOKEN_ENCRYPTION_KEYS after ` +
      `${utc(removeAfter)}, if every server has "${sealingKey}" in front by now.`,
  ];
}

function grantsAre(number: number): string {
  return `${count(number)} ${number === 1 ? 'grant is' : 'grants are'}`;
}

function grantsIn(number: number): string {
  return `${count(number)} ${grantWord(number)}`;
}

function grantWord(number: number): string {
  return number === 1 ? 'grant' : 'grants';
}

/** To the minute, rounded up: "after" must hold. */
function utc(iso: string): string {
  const minute = new Date(Math.ceil(Date.parse(iso) / 60_000) * 60_000).toISOString();
  return `${minute.slice(0, 10)} ${minute.slice(11, 16)} UTC`;
}
