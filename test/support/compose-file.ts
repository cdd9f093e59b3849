import { parse } from 'yaml';

export interface Service {
  readonly image: string;
  readonly build?: unknown;
  readonly profiles?: readonly string[];
  readonly command?: string | readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart?: string;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** The file as Compose sees it before it fills in variables. */
export function readCompose(source: string): ComposeFile {
  return parse(source, { merge: true }) as ComposeFile;
}

export type Dotenv = Readonly<Record<string, string>>;

const INNERMOST = /\$\{(\w+)(?::-([^${}]*))?\}/;

/**
 * Fills in `${NAME}` and `${NAME:-otherwise}`, one within the other too.
 *
 * @see https://docs.docker.com/reference/compose-file/interpolation/
 */
function filledIn(text: string, dotenv: Dotenv): string {
  const [whole, name = '', otherwise = ''] = INNERMOST.exec(text) ?? [];
  if (whole === undefined) return text;
  return filledIn(
    text.replace(whole, () => dotenv[name] || otherwise),
    dotenv,
  );
}

/** What a service's first process finds in its environment. */
export function environmentOf({ environment = {} }: Service, dotenv: Dotenv) {
  const pairs = Object.entries(environment);
  return Object.fromEntries(pairs.map(([name, value]) => [name, filledIn(String(value), dotenv)]));
}

/** `host:container` of what a service publishes to this machine. */
export function portsOf({ ports = [] }: Service, dotenv: Dotenv) {
  return ports.map((port) => {
    const [container = '', host = ''] = filledIn(port, dotenv).split(':').reverse();
    return { host: Number(host), container: Number(container) };
  });
}

/** The words of a command, whichever way it is written. */
export function wordsOf(command: Service['command'] = ''): string[] {
  return typeof command === 'string' ? command.trim().split(/\s+/) : [...command];
}
