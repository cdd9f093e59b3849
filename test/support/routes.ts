import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { Express } from 'express';

/** One path of the app, and what it answers to. */
export interface RouteEntry {
  /** As a caller writes it. */
  readonly path: string;
  /** Upper case; `*` for whatever comes. */
  readonly methods: readonly string[];
}

type Path = string | RegExp;

/** What of Express's router is looked at. */
interface Layer {
  readonly rawPath: Path | readonly Path[];
  readonly handle: { readonly stack?: readonly Layer[]; readonly length: number };
  readonly route?: { readonly path: Path | readonly Path[]; readonly methods: object };
}

const CHANNEL = 'http.server.response.finish';

/** The Express app behind an address of this process: Express notes it on each request. */
export async function appBehind(origin: string): Promise<Express> {
  let found: Express | undefined;
  const listen = (message: unknown) => {
    const { request } = message as { request: IncomingMessage & { app?: Express } };
    if (`http://${request.headers.host ?? ''}` === origin) found = request.app;
  };
  subscribe(CHANNEL, listen);
  try {
    await (await fetch(`${origin}/livez`)).text();
  } finally {
    unsubscribe(CHANNEL, listen);
  }
  if (found === undefined) throw new Error(`no app answers at ${origin}`);
  return found;
}

/** Every route of an app, also of routers in it, and every path that middleware is mounted on. */
export function routesOf(app: Express): RouteEntry[] {
  const { stack } = app.router as unknown as { stack: readonly Layer[] };
  const entries = stack.flatMap((layer) => entriesOf(layer));
  return [...new Map(entries.map((one) => [JSON.stringify(one), one])).values()];
}

/** How many parameters tell Express that a handler is for errors. */
const FOR_ERRORS = 4;

function entriesOf({ rawPath, handle, route }: Layer): RouteEntry[] {
  if (route !== undefined) {
    const methods = Object.keys(route.methods).map((name) => name.toUpperCase());
    const answered = methods.includes('_ALL') ? ['*'] : methods;
    return [route.path].flat().map((path) => ({ path: asWritten(path), methods: answered }));
  }
  const mounts = [rawPath].flat().map(asWritten);
  const inside = (handle.stack ?? []).flatMap((layer) => entriesOf(layer));
  return mounts.flatMap((mount) => {
    const prefix = mount === '/' ? '' : mount;
    if (handle.stack !== undefined) {
      return inside.map(({ path, methods }) => ({ path: `${prefix}${path}`, methods }));
    }
    return mount === '/' || handle.length === FOR_ERRORS ? [] : [{ path: mount, methods: ['*'] }];
  });
}

/** A path that matches: parameters are filled in, a pattern is read as the one path it stands for. */
function asWritten(path: Path): string {
  const text = typeof path === 'string' ? path : path.source.replace(/^\^|\\\/\?\$$/g, '');
  return text.replaceAll('\\', '').replace(/[:*](\w+)/g, 'any-$1');
}
