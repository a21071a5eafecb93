/**
 * A digest over all rows of a generation: equal exactly where the rows are, on any store.
 *
 * Rows are taken in the order of their keys (COLLATE "C" in the tables, so no locale decides), each as
 * the text of one jsonb array, which PostgreSQL writes in one form only. Pages are hashed where they
 * are, each chained to the one before, so that nothing travels and nothing large is built.
 */
import type { Queryable } from '#runtime';

const pageRows = 5_000;

export async function digestOf(
  tx: Queryable,
  schema: string,
  tables: Readonly<Record<string, readonly string[]>>,
): Promise<{ readonly rows: number; readonly digest: string }> {
  let digest = '';
  let rows = 0;
  for (const [table, columns] of Object.entries(tables)) {
    const sql = pageSql(`${schema}.${table}`, [`'${table}'`, 'tenant_id', 'id', ...columns]);
    for (let last = { tenantId: '', id: '' }; ; ) {
      const [page] = await tx.query<Page>(sql, [digest, last.tenantId, last.id]);
      if (page === undefined || page.rows === 0) break;
      rows += page.rows;
      digest = page.digest;
      last = page;
    }
  }
  return { rows, digest };
}

interface Page extends Record<string, unknown> {
  readonly rows: number;
  readonly digest: string;
  readonly tenantId: string;
  readonly id: string;
}

function pageSql(target: string, line: readonly string[]): string {
  return `
    SELECT count(*) AS rows,
           (array_agg(tenant_id ORDER BY tenant_id DESC, id DESC))[1] AS "tenantId",
           (array_agg(id ORDER BY tenant_id DESC, id DESC))[1] AS id,
           encode(sha256(convert_to($1, 'UTF8') || string_agg(hash, ''::bytea ORDER BY tenant_id, id)),
                  'hex') AS digest
      FROM (SELECT tenant_id, id,
                   sha256(convert_to(jsonb_build_array(${line.join(', ')})::text, 'UTF8')) AS hash
              FROM ${target}
             WHERE (tenant_id, id) > ($2, $3)
             ORDER BY tenant_id, id LIMIT ${pageRows}) page`;
}
