/**
 * A file that appears under its name whole, or not at all: written beside as `NAME.partial`, fsynced, then
 * renamed. A file that is there already is never written over.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { syncPath } from '#adapters/sqlite';
import { Complaint } from './complaint.ts';

/** The name under which the file may be made. Throws a Complaint where the final one is taken. */
export function partialOf(path: string): string {
  if (!existsSync(path)) return `${path}.partial`;
  throw new Complaint(`${path} is there already`, { hint: 'Name a file that is not.' });
}

/** Gives the partial file its final name, durably. */
export function publish(path: string): void {
  syncPath(`${path}.partial`);
  renameSync(`${path}.partial`, path);
  syncPath(dirname(resolve(path)));
}

/** Takes a partial file away, and what SQLite may have put beside it. */
export function discard(path: string): void {
  for (const rest of ['', '-wal', '-shm', '-journal']) {
    rmSync(`${path}.partial${rest}`, { force: true });
  }
}

/** A text file in the making. */
export class FreshFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async begin(path: string): Promise<FreshFile> {
    return new FreshFile(path, await open(partialOf(path), 'w'));
  }

  async write(text: string): Promise<void> {
    await this.#handle.writeFile(text);
  }

  async publish(): Promise<void> {
    await this.#handle.close();
    publish(this.#path);
  }

  /** May be called whatever happened; a published file stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
    discard(this.#path);
  }
}
