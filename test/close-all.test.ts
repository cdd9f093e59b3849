import { beforeEach, expect, it } from '@jest/globals';
import { closeAll } from '../src/close-all.js';

let closed: string[];

beforeEach(() => {
  closed = [];
});

function note(name: string): Promise<void> {
  closed.push(name);
  return Promise.resolve();
}

it('closes in reverse, once', async () => {
  const opened = ['tracing', 'store', 'server'].map((name) => () => note(name));
  await closeAll(opened);
  await closeAll(opened);
  expect(closed).toEqual(['server', 'store', 'tracing']);
});

it('one that fails → the others are closed, and then it is said', async () => {
  const fail = (name: string) => () => Promise.reject(new Error(name));
  const opened = [() => note('tracing'), fail('store'), fail('server')];
  await expect(closeAll(opened)).rejects.toThrow('server');
  expect(closed).toEqual(['tracing']);
});
