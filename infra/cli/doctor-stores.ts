/** The stores that the environment names: PostgreSQL with pgvector, and KurrentDB. */
import { assertPgvector } from '#projections';
import { errorCatalogue, type ReadStore } from '#runtime';
import { doubtful, type Finding, ill, well } from './finding.ts';
import { failed, type Look, messageOf } from './look.ts';

export const postgres: Look = async ({ answerMs, config: { databaseUrl, embeddings } }) => {
  const name = 'PostgreSQL';
  if (databaseUrl === undefined) return [];
  const { openPostgres } = await import('#adapters/postgres');
  const store = openPostgres({ url: databaseUrl.reveal(), statementTimeoutMs: answerMs });
  try {
    const [row] = await store.query<{ version: string; mayCreate: boolean }>(
      `SELECT current_setting('server_version') AS version,
              has_database_privilege(current_database(), 'CREATE') AS "mayCreate"`,
    );
    const { mayCreate, version } = row!;
    const found = mayCreate
      ? versionFinding(version)
      : ill(
          name,
          'does not let the user of DATABASE_URL make schemas',
          'GRANT CREATE ON DATABASE … TO that user, or name the owner of the database.',
        );
    return embeddings.kind === 'off' ? [found] : [found, await pgvector(store)];
  } catch (thrown) {
    const advice = 'Start it, and check host, port, user and database of DATABASE_URL.';
    return [ill(name, `of DATABASE_URL can't be used: ${messageOf(thrown)}`, advice)];
  } finally {
    await store.close();
  }
};

/** The oldest that the tests run on. */
const postgresMajorMin = 15;

/** Of a server, by what it says its version is. */
export function versionFinding(version: string): Finding {
  if (Number.parseInt(version, 10) >= postgresMajorMin) {
    return well('PostgreSQL', `${version} answers`);
  }
  const advice = `Use PostgreSQL ${postgresMajorMin} or newer.`;
  return doubtful('PostgreSQL', `is ${version}, which nobody has tried`, advice);
}

/** As it is in the database, or would be when a node makes it there. */
async function pgvector(store: ReadStore): Promise<Finding> {
  const name = 'pgvector';
  const { hint } = errorCatalogue.VECTORS_UNSUPPORTED;
  const [row] = await store.query<{ version: string; isThere: boolean; mayMake: boolean }>(
    `SELECT coalesce(e.installed_version, e.default_version) AS version,
            e.installed_version IS NOT NULL AS "isThere",
            current_setting('is_superuser') = 'on' OR NOT v.superuser OR v.trusted AS "mayMake"
       FROM pg_available_extensions e
       JOIN pg_available_extension_versions v USING (name)
      WHERE e.name = 'vector' AND v.version = e.default_version`,
  );
  if (row === undefined) return ill(name, 'is not installed on the server of DATABASE_URL', hint);
  try {
    assertPgvector(row.version);
  } catch (thrown) {
    return ill(name, `is too old: ${messageOf(thrown)}`, hint);
  }
  if (row.isThere || row.mayMake) return well(name, `is ${row.version}`);
  return ill(
    name,
    'is not in the database of DATABASE_URL yet, and its user may not make it',
    'Have a superuser say CREATE EXTENSION vector in that database, or set EMBEDDINGS=off.',
  );
}

export const kurrentDb: Look = async ({ answerMs, config: { kurrentDbUrl } }) => {
  if (kurrentDbUrl === undefined) return [];
  const name = 'KurrentDB';
  // Loaded here only: its client brings native code, which not every machine has.
  const { openKurrentDb } = await import('#adapters/kurrentdb');
  try {
    const connectionString = kurrentDbUrl.reveal();
    const { log } = await openKurrentDb({ connectionString, limits: { logAnswerMs: answerMs } });
    await log.close();
    return [well(name, 'answers')];
  } catch (thrown) {
    const advice = {
      LOG_REFUSED: 'Check user and password of KURRENTDB_URL, and that the user may read $all.',
      LOG_UNAVAILABLE:
        'Start it, and check host, port and tls of KURRENTDB_URL. A cluster answers when it has a leader.',
    };
    return [failed(name, 'KURRENTDB_URL', thrown, advice)];
  }
};
