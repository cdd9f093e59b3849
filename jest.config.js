/** What `npm test` runs: docs/testing.md. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/system/'],
  testRunner: '<rootDir>/test/jest/runner.mjs',
  moduleFileExtensions: ['ts', 'mjs', 'js'],
  // tsx does it, as Node imports a file.
  transform: {},
  maxWorkers: 2,
  testTimeout: 60_000,
};
