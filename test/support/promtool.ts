import { spawnSync } from 'node:child_process';

/** Runs promtool to its end; what it says goes to either stream, depending on the command. */
export function promtool(args: readonly string[], input = '') {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, {
    input,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  return { status, said: `${stdout}${stderr}` };
}
