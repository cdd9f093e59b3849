import { availableParallelism } from 'node:os';

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: 'tsconfig.json' }] },
  // Most of the time is spent in waiting for processes: on two cores, two at a time take half as long.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  // What a suite has loaded is never let go.
  workerIdleMemoryLimit: '1GB',
  testTimeout: 60_000,
  // The leak scan over everything that the suites do: docs/architecture.md.
  globalSetup: '<rootDir>/test/support/leaks/setup.mjs',
  globalTeardown: '<rootDir>/test/support/leaks/teardown.mjs',
  setupFilesAfterEnv: ['<rootDir>/test/support/leaks/suite.ts'],
};
