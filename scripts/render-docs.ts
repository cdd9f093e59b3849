import { OTEL_VARIABLES } from '../src/config/tracing.js';
import { PER_REGION, VARIABLES } from '../src/config/variables.js';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STATEMENTS } from '../test/security/statements.js';
import { numberedFiles, numberedTests } from '../test/support/numbered-tests.js';
import { ERROR_TABLE, type ErrorEntry, type WayForward } from '../src/http/error-table.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The pages that are made from the code, by path. `npm run docs` writes them, a test compares. */
export function renderDocs(): Record<string, string> {
  const files = holders();
  return {
    '.env.example': envExample(),
    'docs/configuration.md': configuration(),
    'docs/errors.md': errors(),
    'docs/security-statements.md': securityStatements(files),
    'docs/threat-model.md': threatModel(files),
  };
}

const WAYS: Record<WayForward, string> = {
  start_again: 'start the sign-in again',
  sign_in_again: 'start again, for the same page, as the account that is chosen now',
  reconnect: 'connect again',
  retry: 'try again in a moment',
  renew: 'try again; by hand once more even before the wait is over',
  home: 'correct the request',
  operator: 'the operator checks the registration',
  ask: 'ask the operator',
};

function envExample(): string {
  const entries = Object.values(VARIABLES).map(
    ({ name, meaning, otherwise, example }) =>
      `# ${meaning}\n# unset: ${otherwise}; for example: ${example}\n# ${name}=\n`,
  );
  return [
    '# Copy to .env and fill in what you need. Nothing is needed to try it: the simulator and an\n' +
      '# embedded store serve until credentials and Redis are configured.\n',
    ...entries,
    '# Traces: the variables of OpenTelemetry (docs/configuration.md)\n' +
      '# OTEL_EXPORTER_OTLP_ENDPOINT=\n',
  ].join('\n');
}

function configuration(): string {
  const rows = Object.values(VARIABLES).map(
    ({ name, meaning, otherwise, example }) =>
      `| \`${name}\` | ${meaning} | ${otherwise} | \`${example}\` |`,
  );
  const perRegion = PER_REGION.map(
    (name) => `\`${VARIABLES[name].name.replace('FULLSCRIPT_', 'FULLSCRIPT_US_')}\``,
  );
  const traces = OTEL_VARIABLES.map(
    ([name, meaning, example]) => `| \`${name}\` | ${meaning} | \`${example}\` |`,
  );
  return `# Configuration

Read once at start, from the environment and from a \`.env\` file in the working directory. An empty
value means unset. All problems are reported together and the process exits with 78. Made from the code
by \`npm run docs\`.

\`.env\` is text in UTF-8, or in UTF-16 with its byte-order mark. Quotes around a value are taken off in \`.env\`;
\`docker --env-file\` passes them on as they stand. The server takes them off URLs, numbers, ids and whatever
else is no secret, and warns; a secret keeps them, with a warning that names its variable.

| variable | meaning | unset | example |
|---|---|---|---|
${rows.join('\n')}

To serve both countries at once, give each its own application with the variables that carry a
region: ${perRegion.join(', ')}, and the same with \`_CA_\`. A region's environment, redirect URI, PKCE
switch and needed scope fall back to the plain variable.

With \`NODE_ENV=production\` the server does not start with the simulator, the embedded store, missing
secrets, secrets that everybody can read (placeholders, examples of this page), a session secret under 32
characters, or plain http outside this machine.

## Traces

Spans are exported when the usual variables of OpenTelemetry ask for it; without them nothing of its SDK is loaded.
What cannot be had (another exporter or protocol than these) is said in the log, and the server starts without
traces. The SDK reads these variables itself, and others of its own: limits of spans, the rest of \`OTEL_BSP_\`,
certificates and timeouts of the exporter. [How to](operations.md#traces).

| variable | meaning | example |
|---|---|---|
${traces.join('\n')}
`;
}

function errors(): string {
  const rows = Object.entries<ErrorEntry>(ERROR_TABLE).map(
    ([code, { status, title, way }]) => `| \`${code}\` | ${status} | ${title} | ${WAYS[way]} |`,
  );
  return `# Errors

Every error that a caller can see has a stable code. Below \`/api/\` it is the \`code\` of a problem
document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457.html)); elsewhere it stands on the error page
beside the reference, which is the \`requestId\` of the log line. Messages of the errors themselves never
reach a caller. Made from the code by \`npm run docs\`.

| code | status | what people read | way out |
|---|---|---|---|
${rows.join('\n')}

With \`needs_reconnect\` stands a \`reason\`, as in \`/api/session\`: \`refresh_token_refused\`, \`no_refresh_token\` or
\`resource_owner_changed\` (Fullscript answered a refresh for another account, after a change of role or a merger). The page explains
each of them.

The gateway passes other answers of Fullscript on as they are: a 403, 404 or 422 there keeps its status
and body. A redirect that answers a GET is handed on as 302, through the gateway where it stays within the API; other redirects
are \`fullscript_unexpected\`. One to another place is \`foreign_origin\` for a browser that came by a link on another site
([ADR 32](adr/0032-what-passes-through-the-gateway.md)).

The process exits with 78 when the configuration is wrong (every problem is listed with its variable),
with 1 when it cannot start or stop cleanly, and with 0 after SIGTERM or SIGINT.
`;
}

type Holders = ReadonlyMap<string, ReadonlySet<string>>;

/** For each statement the files that hold it. */
function holders(): Holders {
  const found = new Map<string, Set<string>>();
  for (const file of numberedFiles()) {
    for (const { number, skipped } of numberedTests(readFileSync(file, 'utf8'))) {
      if (skipped) continue;
      found.set(number, (found.get(number) ?? new Set()).add(relative(ROOT, file)));
    }
  }
  return found;
}

function securityStatements(files: Holders): string {
  const rows = Object.entries(STATEMENTS)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([number, title]) => {
      const links = [...(files.get(number) ?? [])].sort().map((path) => `[${path}](../${path})`);
      return `| SR-${number} | ${title} | ${links.join(', ')} |`;
    });
  return `# Security statements

What this server promises, by number. Each statement is held by tests whose names begin with its number, over
HTTP against a running server wherever it is about behaviour. \`npm run test:security\` runs them and prints a line
for each. Made from the tests by \`npm run docs\`.

| number | statement | held by |
|---|---|---|
${rows.join('\n')}
`;
}

/** Written by hand but for one column: the tests that hold the statements of a row. */
function threatModel(files: Holders): string {
  const text = readFileSync(`${ROOT}docs/threat-model.md`, 'utf8');
  return text.replace(
    /^\| ([^|]+) \| ((?:SR-\d\d[^|]*)) \|.*$/gm,
    (_row, threat: string, held: string) => {
      const paths = numbersIn(held).flatMap((number) => [...(files.get(number) ?? [])]);
      const links = [...new Set(paths)].sort().map((path) => {
        const name = path.replace(/^test\//, '').replace(/\.test\.ts$/, '');
        return `[${name}](../${path})`;
      });
      return `| ${threat} | ${held} | ${links.join(', ')} |`;
    },
  );
}

/** `SR-01, SR-43 – SR-45` names four. */
export function numbersIn(text: string): string[] {
  return [...text.matchAll(/SR-(\d\d)(?: – SR-(\d\d))?/g)].flatMap(([, first, last = first]) => {
    const [from, to] = [Number(first), Number(last)];
    return Array.from({ length: to - from + 1 }, (_, i) => String(from + i).padStart(2, '0'));
  });
}
