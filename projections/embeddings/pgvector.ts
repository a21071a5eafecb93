/** What the index asks of PostgreSQL beyond itself: the extension pgvector, and its index of vectors. */
import { type ReadStore, RuntimeError } from '#runtime';

/** The first that goes on looking where a filter leaves too few. */
const versionMin = [0, 8];

/**
 * Makes the extension where it is absent. Throws VECTORS_UNSUPPORTED where this PostgreSQL does not have
 * it, or an older one, or we may not make it.
 */
export async function ensurePgvector(store: ReadStore): Promise<void> {
  assertPgvector((await installed(store)) ?? (await install(store)));
}

/** Throws VECTORS_UNSUPPORTED for a version that is too old. */
export function assertPgvector(version: string): void {
  const parts = version.split('.').map(Number);
  const at = versionMin.findIndex((part, index) => part !== parts[index]);
  if (at < 0 || versionMin[at]! < (parts[at] ?? 0)) return;
  const message = `pgvector is ${version}; it must be ${versionMin.join('.')} or newer`;
  throw new RuntimeError('VECTORS_UNSUPPORTED', message, { data: { version } });
}

async function install(store: ReadStore): Promise<string> {
  try {
    await store.query('CREATE EXTENSION IF NOT EXISTS vector');
  } catch (thrown) {
    // Another node may have been faster, which IF NOT EXISTS does not stand.
    const version = await installed(store);
    if (version !== null) return version;
    if (!(thrown instanceof RuntimeError) || thrown.retryable) throw thrown;
    throw new RuntimeError('VECTORS_UNSUPPORTED', thrown.message, { cause: thrown });
  }
  return (await installed(store)) ?? '';
}

async function installed(store: ReadStore): Promise<string | null> {
  const [row] = await store.query<{ version: string }>(
    `SELECT extversion AS version FROM pg_extension WHERE extname = 'vector'`,
  );
  return row?.version ?? null;
}

/**
 * Makes the index of vectors where it is absent: when the chunks are in, which takes a tenth of the time
 * that it takes to put them into it one by one. Until then a search compares all chunks.
 */
export async function ensureVectorIndex(store: ReadStore, schema: string): Promise<void> {
  const [row] = await store.query<{ isThere: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS "isThere"',
    [`${schema}.chunk_vector`],
  );
  if (row?.isThere === true) return;
  await store.transaction(
    async (tx) => {
      await tx.query(`SET LOCAL maintenance_work_mem = '${buildMemory}'`);
      await tx.query(
        `CREATE INDEX IF NOT EXISTS chunk_vector
           ON ${schema}.chunk USING hnsw (embedding vector_ip_ops)`,
      );
      await tx.query(`ANALYZE ${schema}.chunk`);
    },
    { isPatient: true },
  );
}

/** Of 100,000 chunks with 384 dimensions. */
const buildMemory = '256MB';
