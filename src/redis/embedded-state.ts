import { existsSync } from 'node:fs';
import { findServerProgram } from './server-child.js';
import { serverState, socketPathFor } from './server-socket.js';
import type { StoreAddress } from './store-url.js';

/** How it stands with the private server of a data folder. */
export type EmbeddedState =
  | { readonly kind: 'no program' }
  | { readonly kind: 'not running'; readonly program: string }
  | { readonly kind: 'running'; readonly program: string; readonly address: StoreAddress };

/** Looks, and starts nothing. */
export async function embeddedState(dataDir: string): Promise<EmbeddedState> {
  const program = await findServerProgram();
  if (program === undefined) return { kind: 'no program' };
  if (!existsSync(dataDir)) return { kind: 'not running', program };
  const path = await socketPathFor(dataDir);
  // A place where there can be no socket has no server either.
  const state = await serverState(path).catch(() => 'absent');
  if (state === 'absent') return { kind: 'not running', program };
  return { kind: 'running', program, address: { kind: 'socket', path, db: 0 } };
}
