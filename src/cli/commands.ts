import { AUDIT_COMMANDS } from './audit-commands.js';
import type { Command } from './command.js';
import { DOCTOR_COMMANDS } from './doctor-command.js';
import { GRANT_COMMANDS } from './grant-commands.js';
import { KEY_COMMANDS } from './key-commands.js';
import { SESSION_COMMANDS } from './session-commands.js';
import { STORE_COMMANDS } from './store-commands.js';
import { USER_COMMANDS } from './user-commands.js';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  ...DOCTOR_COMMANDS,
  ...GRANT_COMMANDS,
  ...SESSION_COMMANDS,
  ...USER_COMMANDS,
  ...KEY_COMMANDS,
  ...STORE_COMMANDS,
  ...AUDIT_COMMANDS,
];
