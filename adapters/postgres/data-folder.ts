/**
 * PGlite's folder: one process at a time, and never a database that is half made.
 *
 * The lock is an exclusive transaction on the SQLite file `<folder>.lock`: the operating system drops
 * it when its process ends, however that ends. A new database is made in `<folder>.new` and takes its
 * name when it is complete on disk.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '#runtime';
import { fsyncFolder } from './durable-fs.ts';

/** SQLite's result code where another connection holds the lock. */
const sqliteBusy = 5;

export interface FolderLock {
  /** May be called again. */
  release(): void;
}

/** Throws DATA_FOLDER_IN_USE at once where another opener has it, CONFIG_INVALID for no access. */
export function lockFolder(dataDir: string): FolderLock {
  let file: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(dataDir), { recursive: true });
    file = new DatabaseSync(`${dataDir}.lock`, { timeout: 0 });
    file.exec('BEGIN EXCLUSIVE');
  } catch (thrown) {
    file?.close();
    const { errcode, message } = thrown as { errcode?: number; message: string };
    const data = { folder: dataDir };
    if (errcode === sqliteBusy) {
      throw new RuntimeError('DATA_FOLDER_IN_USE', `another process has ${dataDir} open`, { data });
    }
    throw new RuntimeError('CONFIG_INVALID', `can't use the folder ${dataDir}: ${message}`, {
      data,
      cause: thrown,
    });
  }
  const held = file;
  return {
    release: () => {
      if (held.isOpen) held.close();
    },
  };
}

/**
 * Makes sure that the folder holds a database; `make` makes one in the folder that it is given.
 * Call with the lock held. Throws DATA_CORRUPT where the folder holds something else.
 */
export async function ensureDatabase(
  dataDir: string,
  make: (folder: string) => Promise<void>,
): Promise<void> {
  if (existsSync(join(dataDir, 'PG_VERSION'))) return;
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0) {
    const message = `${dataDir} holds no database but other files. Delete it or choose another.`;
    throw new RuntimeError('DATA_CORRUPT', message, { data: { folder: dataDir } });
  }
  const unfinished = `${dataDir}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  try {
    await make(unfinished);
    await fsyncTree(unfinished);
  } catch (thrown) {
    rmSync(unfinished, { recursive: true, force: true });
    throw thrown;
  }
  renameSync(unfinished, dataDir);
  fsyncFolder(dirname(dataDir));
}

async function fsyncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  fsyncFolder(folder);
}
