/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: 'tsconfig.json' }] },
  testTimeout: 20_000,
  // The leak scan over everything that the suites do: docs/architecture.md.
  globalSetup: '<rootDir>/test/support/leaks/setup.mjs',
  globalTeardown: '<rootDir>/test/support/leaks/teardown.mjs',
  setupFilesAfterEnv: ['<rootDir>/test/support/leaks/suite.ts'],
};
