/**
 * Blobs as files in a folder, which several nodes may share.
 *
 *     <folder>/acme/4f0c…      a blob
 *     <folder>/.parts/91d2…    one that is being written, or that a crash left
 *
 * B1: a name is there only when all its bytes are on the disk: written and fsynced beside, then renamed,
 * then the folder is fsynced. B2: no name leads out of the folder (`isBlobName`).
 */
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  type BlobName,
  type Blobs,
  type Clock,
  type Ids,
  isBlobName,
  RuntimeError,
} from '#runtime';

export interface BlobFolderOptions {
  /** Made where there is none. */
  readonly folder: string;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** What a crash left in mid-write is removed after this long; another node may still be writing. */
const leftoverMs = 60 * 60_000;

/** Opens a folder of blobs. Throws BLOBS_UNAVAILABLE where it can't be made or read. */
export async function openBlobFolder(options: BlobFolderOptions): Promise<Blobs> {
  const folder = resolve(options.folder);
  const parts = join(folder, '.parts');
  await onDisk(folder, async () => {
    await mkdir(parts, { recursive: true });
    for (const name of await readdir(parts)) {
      const part = join(parts, name);
      const { mtimeMs } = await stat(part);
      if (options.clock.now() - mtimeMs > leftoverMs) await rm(part, { force: true });
    }
  });
  return new BlobFolder(folder, parts, options.ids);
}

class BlobFolder implements Blobs {
  readonly #folder: string;
  readonly #parts: string;
  readonly #ids: Ids;

  constructor(folder: string, parts: string, ids: Ids) {
    this.#folder = folder;
    this.#parts = parts;
    this.#ids = ids;
  }

  put(name: BlobName, bytes: Uint8Array): Promise<void> {
    if (!isBlobName(name)) throw new RuntimeError('INVARIANT_BROKEN', `no blob's name: ${name}`);
    const path = join(this.#folder, name);
    const part = join(this.#parts, this.#ids.random());
    return onDisk(path, async () => {
      try {
        await write(part, bytes);
        const isNew = (await mkdir(dirname(path), { recursive: true })) !== undefined;
        await rename(part, path);
        await fsync(dirname(path));
        if (isNew) await fsync(this.#folder);
      } finally {
        await rm(part, { force: true });
      }
    });
  }

  async get(name: BlobName): Promise<Uint8Array | null> {
    if (!isBlobName(name)) return null;
    const path = join(this.#folder, name);
    return onDisk(path, async () => {
      try {
        return await readFile(path);
      } catch (thrown) {
        if (codeOf(thrown) !== 'ENOENT') throw thrown;
        // A blob that is not there is an answer; a folder that is not there is an unmounted disk.
        await stat(this.#parts);
        return null;
      }
    });
  }

  async remove(name: BlobName): Promise<void> {
    if (!isBlobName(name)) return;
    const path = join(this.#folder, name);
    await onDisk(path, () => rm(path, { force: true }));
  }
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx');
  await file.writeFile(bytes);
  await file.sync();
}

async function fsync(folder: string): Promise<void> {
  await using file = await open(folder, 'r');
  await file.sync();
}

async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { message } = cause as Error;
    throw new RuntimeError('BLOBS_UNAVAILABLE', `the blobs at ${path}: ${message}`, { cause });
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}
