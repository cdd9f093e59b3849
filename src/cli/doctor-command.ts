import { createNetwork } from '../doctor/network.js';
import { examine } from '../doctor/doctor.js';
import { documentedUrls } from '../doctor/documented-urls.js';
import { findingLines } from '../doctor/report-text.js';
import { readEnvironment } from '../environment.js';
import { createTokenEndpoint } from '../oauth/token-endpoint.js';
import type { Command, CommandCall, Outcome } from './command.js';

/** How long one answer may take. */
const TIMEOUT_MS = 5_000;

/** The command that looks at everything. */
export const DOCTOR_COMMANDS: readonly Command[] = [
  {
    needs: 'nothing',
    name: 'doctor',
    takes: '',
    does: 'looks at the whole installation, and says what is wrong and what to do',
    about: [
      'Configuration, data folder, clock, the hosts of Fullscript with their certificates, client id and secret,',
      'redirect URI, Redis. It works with a wrong configuration and whether or not a server runs, takes a quarter',
      'of a minute at most, changes nothing, and shows no secret. At the token endpoint it asks for a code that',
      'nobody has issued; in Redis it writes keys that live for a second.',
      '',
      'Exit code 0: no problem, though there may be warnings; 1: a problem, the configuration included.',
    ],
    subjects: ['none'],
    options: { offline: { does: 'ask nobody beyond this machine, name servers included' } },
    examples: [
      'doctor',
      'doctor --offline',
      'doctor --json | jq -r \'.checks[] | select(.status == "problem") | .check\'',
    ],
    run: doctor,
  },
];

async function doctor({ options, progress }: CommandCall): Promise<Outcome> {
  const elapsed = () => performance.now();
  const now = Date.now;
  progress.start('looking');
  const findings = await examine({
    ...{ now, elapsed, env: readEnvironment(), folder: process.cwd() },
    nodeVersion: process.versions.node,
    offline: options['offline'] === true,
    network: createNetwork({ timeoutMs: TIMEOUT_MS }),
    tokenEndpoint: createTokenEndpoint({ timeoutMs: TIMEOUT_MS, now }),
    documented: documentedUrls,
    onPart: (done, of) => {
      progress.start('looking', of);
      progress.advance(done);
    },
  });
  const failed = findings.some(({ status }) => status === 'problem');
  return { json: { ok: !failed, checks: findings }, lines: findingLines(findings), failed };
}
