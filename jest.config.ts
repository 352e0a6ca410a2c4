import type { Config } from 'jest'

export default {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // What needs a tool that npm does not bring: `npm run test:full` and the load tests.
  testPathIgnorePatterns: ['<rootDir>/test/full/', '<rootDir>/test/load/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.js' },
  // Only ends a test that hangs: no promise is about time, and a busy machine is slow.
  testTimeout: 30_000,
  // Each file loads its modules anew, so one process on two cores is half as fast; and jest keeps what was loaded, so a worker is replaced as it grows.
  maxWorkers: '100%',
  workerIdleMemoryLimit: '1.5GB',
  coverageProvider: 'v8',
  collectCoverageFrom: ['config/**/*.ts', 'lib/**/*.ts', 'runtime/**/*.ts'],
  modulePathIgnorePatterns: ['<rootDir>/cdk.out', '<rootDir>/.aegis', '<rootDir>/reports', '<rootDir>/.tools'],
} satisfies Config
