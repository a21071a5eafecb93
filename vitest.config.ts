import { defineConfig } from 'vitest/config';

// `npm run test:long` tries more of everything, and runs what takes longest.
const isLong = process.env.COGNISYNC_TEST_EFFORT === 'long';

export default defineConfig({
  test: {
    include: isLong ? ['test/**/*.test.ts', 'test/**/*.long.ts'] : ['test/**/*.test.ts'],
    globalSetup: ['test/support/database-template.ts'],
    // Real servers and child processes take part; a promise that hangs must still end the run.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores, and many a test that waits for servers, locks and deadlines: a third file fills the gaps.
    maxWorkers: 3,
  },
});
