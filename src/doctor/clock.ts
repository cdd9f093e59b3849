import { type ClockSample, type Finding, ok, problem, skipped, warning } from './finding.js';

/** Half of the clock's own resolution in `Date`, and of the way there and back. */
const WARN_MS = 30_000;
const WRONG_MS = 300_000;

const TODO =
  'Have the clock set by the network: timedatectl set-ntp true, or chrony; a container has the clock of ' +
  'its host.';

/** Compares our clock with everybody's who said what time it is. */
export function examineClock(samples: readonly ClockSample[]): Finding {
  const check = 'clock.offset';
  if (samples.length === 0) return skipped(check, 'nobody was there to compare with');
  const offsets = samples.map(({ source, theirs, ours }) => ({ source, ms: ours - theirs }));
  const far = offsets.filter(({ ms }) => Math.abs(ms) > WARN_MS);
  if (far.length === 0) {
    return ok(check, `agrees with ${listed(offsets.map(({ source }) => source))}`);
  }
  const found = far.map(({ source, ms }) => `${inWords(ms)} ${source}`).join('; ');
  // Somebody agrees with us: so it is hardly we who are wrong.
  const theirs = far.length < offsets.length ? ` Or theirs: others agree with this machine.` : '';
  const worst = Math.max(...far.map(({ ms }) => Math.abs(ms)));
  const judge = worst > WRONG_MS ? problem : warning;
  return judge(check, `this machine is ${found}`, TODO + theirs);
}

function inWords(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1_000);
  const long = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return `${long} ${ms > 0 ? 'ahead of' : 'behind'}`;
}

function listed(sources: readonly string[]): string {
  return [...new Set(sources)].join(', ');
}
