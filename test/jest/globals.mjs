// What `@jest/globals` is in the tests. Bindings, not values: each suite has its own.
export let afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest, test;

export function setGlobals(globals, mocks) {
  ({ afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } = globals);
  jest = mocks;
}
