/** Entities as an answer shows them. */
import { type Entity, entityJson } from '../graph/answer.ts';
import type { Explained, Hit } from './answer.ts';
import { titleOf, urlOf } from './heading.ts';
import type { ShownPassage } from './passages.ts';
import type { Scope } from './scope.ts';

/** A hit with its passages whole. */
export interface ShownHit extends Hit {
  readonly passages: readonly ShownPassage[];
}

/** What is to be shown, best first. */
export interface Ranked {
  readonly id: string;
  readonly score: number;
  readonly explained: Explained;
}

/** In the order of `ranked`. */
export async function hitsOf(
  { tenantId, tx }: Scope,
  ranked: readonly Ranked[],
  passages: ReadonlyMap<string, readonly ShownPassage[]>,
): Promise<readonly ShownHit[]> {
  const rows = await tx.query<{ entity: Entity }>(
    `SELECT ${entityJson} AS entity FROM graph.node n WHERE n.tenant_id = $1 AND n.id = ANY($2::text[])`,
    [tenantId, ranked.map(({ id }) => id)],
  );
  const entities = new Map(rows.map(({ entity }) => [entity.id, entity]));
  return ranked.flatMap(({ id, score, explained }) => {
    const entity = entities.get(id);
    if (entity === undefined) return [];
    const shown = passages.get(id) ?? [];
    const [title, url] = [titleOf(entity), urlOf(entity)];
    return [{ entity, score, explained, passages: shown, title, url }];
  });
}

/** The comments that hits are shown with, each with what it stands for. */
export function commentsShown(hits: readonly ShownHit[]): ReadonlyMap<string, string> {
  return new Map(
    hits.flatMap(({ entity: { id }, passages }) =>
      passages.flatMap(({ entityId }) => (entityId === id ? [] : [[entityId, id] as const])),
    ),
  );
}

/** Without the whole passages, which would make every answer of a search a book. */
export function withSnippets(hits: readonly ShownHit[]): readonly Hit[] {
  return hits.map((hit) => ({
    ...hit,
    passages: hit.passages.map(({ text: _, ...rest }) => rest),
  }));
}
