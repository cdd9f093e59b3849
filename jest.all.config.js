import standard from './jest.config.js';

/** What `npm run test:all` runs: everything, with the leak scan. */
export default {
  ...standard,
  testPathIgnorePatterns: ['/node_modules/'],
  globalSetup: '<rootDir>/test/jest/setup-all.mjs',
  globalTeardown: '<rootDir>/test/jest/teardown-all.mjs',
  // Of tests that say `concurrent`: each starts real processes, and there are two workers.
  maxConcurrency: 2,
};
