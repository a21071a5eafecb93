import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/database-template.ts'],
    // Real servers and child processes take part; a promise that hangs must still end the run.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // PGlite takes several hundred MB and most of a core; two files at a time suit two cores.
    maxWorkers: 2,
  },
});
