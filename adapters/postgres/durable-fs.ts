/**
 * PGlite's files with a real fsync.
 *
 * PGlite starts PostgreSQL with fsync off, and Emscripten's file system has none to offer: a commit
 * survives `kill -9`, but a power cut could leave a checkpoint that counts rows which are not there.
 * This mounts the folder with fsync wired through to the disk (0.15 ms a commit). `fdatasync` is a
 * stub in Emscripten, so the write-ahead log must use `fsync`.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

/** PGlite's own parameters, less `-F` (fsync off). */
export const durableStartParams: string[] = [
  ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
  '-c',
  'wal_sync_method=fsync',
];

/** The part of Emscripten that is touched; its own types leave it open. */
interface EmscriptenFiles {
  readonly NODEFS: {
    realPath(node: unknown): string;
    readonly stream_ops: { fsync?: (stream: OpenStream) => number };
  };
  readonly FS: { readonly ErrnoError: new (errno: number) => Error };
}

interface OpenStream {
  /** Descriptor; absent for a folder. */
  readonly nfd?: number;
  readonly node: unknown;
}

/** WASI's EIO: PostgreSQL then stops rather than trust the disk. */
const ioError = 29;

export class DurableFs extends NodeFS {
  override async init(...[pg, options]: Parameters<NodeFS['init']>) {
    const { emscriptenOpts } = await super.init(pg, options);
    const preRun = [emscriptenOpts.preRun ?? []].flat();
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...preRun, wireFsync] } };
  }
}

function wireFsync(emscripten: unknown): void {
  const { FS, NODEFS } = emscripten as EmscriptenFiles;
  NODEFS.stream_ops.fsync = ({ nfd, node }) => {
    try {
      if (nfd === undefined) fsyncFolder(NODEFS.realPath(node));
      else fsyncSync(nfd);
      return 0;
    } catch {
      throw new FS.ErrnoError(ioError);
    }
  };
}

/** Makes the names in a folder durable. */
export function fsyncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
