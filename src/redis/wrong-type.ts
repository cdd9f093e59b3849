/*
 * A key of ours that holds a value of another type: another program wrote it, or a mistake at the
 * console. Each command then fails for good, so such a value counts as none, and is written over.
 */

/** Whether Redis refused a command because the key holds a value of another type. */
export function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.includes('WRONGTYPE');
}

/**
 * Lua for the first command of a script on its key: a value of another type goes, and the command
 * counts as done. TYPE would ask for a permission that logins of before do not have.
 *
 * @param command the command with its arguments, as for `redis.call`.
 */
export function overWrongType(command: string): string {
  return `
local probe = redis.pcall(${command})
if type(probe) == 'table' and probe.err then
  if not string.find(probe.err, 'WRONGTYPE', 1, true) then return probe end
  redis.call('DEL', KEYS[1])
  probe = false
end`;
}
