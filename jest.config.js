/** What `npm test` runs. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/system/'],
  testRunner: '<rootDir>/test/jest/runner.mjs',
  moduleFileExtensions: ['ts', 'mjs', 'js'],
  // tsx transforms, as Node imports a file.
  transform: {},
  maxWorkers: 2,
  testTimeout: 60_000,
  globalSetup: '<rootDir>/test/jest/setup.mjs',
  globalTeardown: '<rootDir>/test/jest/teardown.mjs',
};
