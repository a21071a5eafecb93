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
    // PGlite takes several hundred MB and most of a core; two files at a time suit two cores.
    maxWorkers: 2,
  },
});
