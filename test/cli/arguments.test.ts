import { describe, expect, it } from '@jest/globals';
import { readArguments } from '../../src/cli/arguments.js';
import { UsageError } from '../../src/cli/command.js';
import { COMMANDS } from '../../src/cli/commands.js';
import { helpText } from '../../src/cli/help.js';
import { parseUserName, printable, storedUserName, userName } from '../../src/cli/user-name.js';
import { type GrantKey, grantId, parseGrantId } from '../../src/grants/grant.js';

const ADA: GrantKey = { registration: 'us-sandbox', owner: { id: 'ada', type: 'Practitioner' } };
const NAME = 'us-sandbox/Practitioner/ada';

function refusal(...args: string[]): string {
  try {
    readArguments(args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'none';
}

describe('readArguments', () => {
  it.each([
    ['sessions list', [NAME], { user: ADA }],
    ['sessions end', [NAME], { user: ADA }],
    ['sessions end', ['--all'], 'all'],
    ['users disable', [NAME], { user: ADA }],
    ['users enable', [NAME], { user: ADA }],
    ['users disabled', [], 'none'],
    ['keys rotate', [], 'none'],
    ['audit tail', [], 'none'],
  ] as const)('%s %j → that command, about them', (name, rest, subject) => {
    const line = readArguments([...name.split(' '), ...rest, '--json']);
    expect(line).toMatchObject({ command: { name }, subject, json: true });
    expect(helpText()).toContain(`\n  ${name}`);
  });

  it('--json in front of the command → the same', () => {
    const line = readArguments(['--json', 'users', 'disabled']);
    expect(line).toMatchObject({ command: { name: 'users disabled' }, json: true });
  });

  it('an option of one command → on the line', () => {
    const line = readArguments(['keys', 'rotate', '--dry-run']);
    expect(line).toMatchObject({ options: { 'dry-run': true }, subject: 'none', json: false });
  });

  it('--help → all commands, with an example of each', () => {
    expect(readArguments(['--help'])).toEqual({ help: helpText() });
    expect(readArguments(['-h'])).toEqual({ help: helpText() });
    const examples = helpText().slice(helpText().indexOf('Examples:'));
    for (const { name } of COMMANDS) expect(examples).toContain(`fullscript-connect ${name}`);
  });

  it.each(COMMANDS)('$name --help → its usage, options and examples', (command) => {
    const { help } = readArguments([...command.name.split(' '), '--help']);
    expect(help).toContain(`Usage: fullscript-connect ${command.name}`);
    for (const option of Object.keys(command.options ?? {})) expect(help).toContain(`--${option}`);
    for (const example of command.examples) {
      expect(help).toContain(`  fullscript-connect ${example}`);
      expect(example.startsWith(command.name)).toBe(true);
      const [typed = ''] = example.split(' | ');
      expect(readArguments(typed.split(' '))).toMatchObject({ command: { name: command.name } });
    }
    expect(help).toContain('Exit code: ');
    expect(Math.max(...help!.split('\n').map((line) => line.length))).toBeLessThan(120);
  });

  it.each([
    [[], 'which command?'],
    [['sessions'], 'which of sessions list, sessions end?'],
    [['users', 'remove', NAME], 'there is no such command: users disable,'],
    [['plumber'], 'there is no such command'],
    [['--json'], 'which command?'],
    [['users', 'disabled', '--all'], "Unknown option '--all'"],
    [['sessions', 'end'], 'it is used like this: sessions end <user> | --all'],
    [['sessions', 'end', NAME, '--all'], 'one user or --all, not both'],
    [['sessions', 'list', '--all'], "Unknown option '--all'"],
    [['sessions', 'list'], 'it is used like this: sessions list <user>'],
    [['users', 'disable'], 'it is used like this: users disable <user>'],
    [['users', 'disable', '--all'], "Unknown option '--all'"],
    [['users', 'disabled', NAME], 'it is used like this: users disabled, with nobody named'],
    [['doctor', 'redis'], 'it is used like this: doctor, with nobody named'],
    [['grants', 'list', 'a', 'b'], 'it is used like this: grants list, with nobody named'],
    [['users', 'disable', NAME, NAME], 'one user at a time'],
    [['users', 'disable', NAME, '--force'], "Unknown option '--force'"],
    [['users', 'disable', 'ada'], '"ada" is no user: a user is <registration>/<type>/<id>'],
    [['users', 'disable', 'us-sandbox/Staff/'], '"us-sandbox/Staff/" is no user'],
    [['users', 'disable', 'uk-sandbox/Staff/1'], '"uk-sandbox" is no registration'],
    [['users', 'disable', 'us-sandbox/Nurse/1'], '"Nurse" is no type of user'],
    [['users', 'disable', `us-sandbox/Staff/${'x'.repeat(256)}`], '1 to 255 characters'],
    [['users', 'disable', '\u001b[2J'], '"\\u{1b}[2J" is no user'],
  ])('%j → %s', (args, message) => {
    expect(refusal(...args)).toContain(message);
  });
});

describe('a user as people write one', () => {
  it.each(['a/b//c', '/', '-x', 'a b', 'é:{*}%2F', '--all', 'line\nbreak'])(
    'id %j → read, and written the same',
    (id) => {
      const key = parseUserName(`ca-production/Staff/${id}`);
      expect(key).toEqual({ registration: 'ca-production', owner: { id, type: 'Staff' } });
      expect(userName(key)).toBe(`ca-production/Staff/${id}`);
      expect(parseGrantId(grantId(key))).toEqual(key);
      expect(storedUserName(grantId(key))).toBe(userName(key));
    },
  );

  it('the type in other letters → the one that is stored', () => {
    expect(parseUserName('us-sandbox/practitioner/ada')).toEqual(ADA);
  });

  it.each(['', 'a', 'a:b', 'a:b:c:d', 'us-sandbox:Staff:%', 'us-sandbox:Staff:%2f', 'a:b:*'])(
    '%j in storage, which nobody made → shown as it is',
    (id) => {
      expect(parseGrantId(id)).toBeUndefined();
      expect(storedUserName(id)).toBe(id);
    },
  );

  it('shown on a terminal → gives it no orders', () => {
    expect(printable('a\u001b[2Jb\n\u202ec é')).toBe('a\\u{1b}[2Jb\\u{a}\\u{202e}c é');
  });
});
