import { describe, expect, it } from '@jest/globals';
import { disableUser } from '../../src/grants/disabled-users.js';

describe('disableUser', () => {
  it('writes the record first and ends the sessions then, every time', async () => {
    const acts: string[] = [];
    const disabledUsers = {
      add: (id: string) => {
        acts.push(`add ${id}`);
        return Promise.resolve(acts.length === 1);
      },
    };
    const sessions = {
      endAll: (id: string) => {
        acts.push(`end ${id}`);
        return Promise.resolve(2);
      },
    };
    const deps = { disabledUsers, sessions };
    expect(await disableUser(deps, 'anna')).toEqual({ changed: true, ended: 2 });
    expect(await disableUser(deps, 'anna')).toEqual({ changed: false, ended: 2 });
    expect(acts).toEqual(['add anna', 'end anna', 'add anna', 'end anna']);
  });
});
