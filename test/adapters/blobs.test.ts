import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openBlobFolder } from '#adapters/blobs-folder';
import { MemoryBlobs } from '#adapters/memory';
import { systemClock, systemIds } from '#adapters/system';
import { temporaryFolder } from '#test/served';
import { describeBlobs } from '../contracts/blobs.ts';

const around = { clock: systemClock, ids: systemIds };
const bytes = new TextEncoder().encode('bytes');

describeBlobs('blobs in memory', async () => {
  const blobs = new MemoryBlobs();
  return { blobs, reopen: async () => blobs, dispose: async () => undefined };
});

describeBlobs('blobs in a folder', async () => {
  const above = await temporaryFolder();
  await writeFile(join(above, 'secret'), 'not yours');
  const open = () => openBlobFolder({ folder: join(above, 'deep', 'blobs'), ...around });
  return { blobs: await open(), reopen: open, dispose: () => rm(above, { recursive: true }) };
});

describe('a folder of blobs', () => {
  it('leaves nothing but the blob of a write that went well', async () => {
    const folder = await temporaryFolder();
    const blobs = await openBlobFolder({ folder, ...around });
    await blobs.put('acme/one', bytes);
    expect(await readdir(join(folder, '.parts'))).toEqual([]);
    expect(await readdir(join(folder, 'acme'))).toEqual(['one']);
    await rm(folder, { recursive: true });
  });

  it('shows nothing of a write that failed, says why, and keeps what was there', async () => {
    const folder = await temporaryFolder();
    const blobs = await openBlobFolder({ folder, ...around });
    await blobs.put('acme/one', bytes);
    await mkdir(join(folder, 'acme', 'two', 'in the way'), { recursive: true });
    await expect(blobs.put('acme/two', bytes)).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE' });
    expect(await readdir(join(folder, '.parts'))).toEqual([]);
    expect(Buffer.from((await blobs.get('acme/one'))!).toString()).toBe('bytes');
    await rm(folder, { recursive: true });
  });

  it('removes what a crash left in mid-write, and not what another node writes now', async () => {
    const folder = await temporaryFolder();
    await openBlobFolder({ folder, ...around });
    const [old, fresh] = ['old', 'fresh'].map((name) => join(folder, '.parts', name));
    await Promise.all([writeFile(old!, 'half'), writeFile(fresh!, 'half')]);
    const yesterday = Date.now() / 1000 - 24 * 60 * 60;
    await utimes(old!, yesterday, yesterday);
    await openBlobFolder({ folder, ...around });
    expect([existsSync(old!), existsSync(fresh!)]).toEqual([false, true]);
    await rm(folder, { recursive: true });
  });

  it('that is gone, as an unmounted disk is, is a fault and no missing blob', async () => {
    const folder = await temporaryFolder();
    const blobs = await openBlobFolder({ folder, ...around });
    await blobs.put('acme/one', bytes);
    await rm(folder, { recursive: true });
    await expect(blobs.get('acme/one')).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE' });
  });

  it('that is a file can not be opened', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(openBlobFolder({ folder: file, ...around })).rejects.toMatchObject({
      code: 'BLOBS_UNAVAILABLE',
    });
    await rm(folder, { recursive: true });
  });
});
