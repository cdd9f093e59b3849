import { channel } from 'node:diagnostics_channel';
import { readFileSync, readdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { VARIABLES } from '../../../src/config/variables.js';

/** What test support hands to the leak scan. Nothing happens where no scan listens. */

const materialChannel = channel('leak-scan:material');
const environmentChannel = channel('leak-scan:environment');
const standInChannel = channel('leak-scan:stand-in');

/** These hold secrets by design: docs/storage.md. */
const SECRET_FILES = new Set(['secrets.json', 'simulator.json']);

/** Whether anybody listens; for work that would be done for the scan alone. */
export function isRecorded(): boolean {
  return materialChannel.hasSubscribers;
}

/** Hands in text: log lines, or what a process printed. */
export function recordText(kind: 'log' | 'output', where: string, text: string): void {
  materialChannel.publish({ channel: kind, where, text });
}

/**
 * Hands in what a program prints, by whole lines, as long as it runs: the test may end before it.
 *
 * @param program undefined when its output is not to be scanned.
 */
export function linesRecorder(program: string | undefined) {
  let rest = '';
  const tell = (text: string) => {
    if (program !== undefined && text !== '') recordText('output', program, text);
  };
  return {
    add: (chunk: string) => {
      const end = chunk.lastIndexOf('\n') + 1;
      if (end > 0) tell(rest + chunk.slice(0, end));
      rest = end > 0 ? chunk.slice(end) : rest + chunk;
    },
    end: () => tell(rest),
  };
}

/** The key in the documentation is no secret; a server that is given it says so. */
const PUBLISHED: string = VARIABLES.encryptionKeys.example;

/** Hands in the secrets that a server is configured with. */
export function recordEnvironment(env: Readonly<Record<string, string>>): void {
  const secret = Object.entries(env).filter(([, value]) => value !== PUBLISHED);
  environmentChannel.publish(Object.fromEntries(secret));
}

/** Says that a server stands where Fullscript would: tokens are its business, as a simulator's. */
export function recordStandIn(server: Server): void {
  standInChannel.publish({ server });
}

/** Hands in every file below a folder as it is now. Synchronous: whoever ends a server tidies up. */
export function recordFolder(kind: 'redis' | 'file', folder: string): void {
  if (!isRecorded()) return;
  for (const path of filesBelow(folder)) {
    materialChannel.publish({ channel: kind, where: path, text: readIfThere(join(folder, path)) });
  }
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !SECRET_FILES.has(entry.name))
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  } catch {
    // A server that never got as far as its folder.
    return [];
  }
}

/** A server that is ending still tidies up. */
function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
