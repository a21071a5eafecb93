/**
 * A new PGlite database takes seconds to make; one is made before all tests and copied by whoever needs
 * an empty one. What a node makes of a folder without one has tests of its own.
 */
import { cpSync, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPglite } from '#adapters/postgres';

/** Where its path stands for the processes of this run; absent outside of it. */
const variable = 'COGNISYNC_TEST_DATABASE';

/** Called once before all test files; answers what is called after them. */
export default async function makeTemplate(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'cognisync-template-'));
  const dataDir = join(folder, 'read-models');
  const store = await openPglite({ dataDir });
  await store.close();
  process.env[variable] = dataDir;
  return () => rm(folder, { recursive: true, force: true });
}

/** Puts an empty database where none is; outside of a test run whoever opens it makes it. */
export function putDatabase(dataDir: string): void {
  const template = process.env[variable];
  if (template === undefined || existsSync(dataDir)) return;
  // A thousand files: 50 ms; the asynchronous one takes more than a second.
  cpSync(template, dataDir, { recursive: true });
}
