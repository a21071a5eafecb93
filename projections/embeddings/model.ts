/** Whose vectors a generation holds. */
import type { EmbedderModel, Queryable } from '#runtime';
import { liveGenerationOf } from '../bookkeeping.ts';
import { schemaOf } from '../schema.ts';
import { embeddingsProjection } from './projection.ts';

export function isSameModel(one: EmbedderModel, other: EmbedderModel): boolean {
  return (
    one.name === other.name && one.version === other.version && one.dimensions === other.dimensions
  );
}

export async function modelIn(queryable: Queryable, schema: string): Promise<EmbedderModel> {
  const [model] = await queryable.query<EmbedderModel & Record<string, unknown>>(
    `SELECT name, version, dimensions FROM ${schema}.model`,
  );
  return model!;
}

/** The schema of the generation that readers see; null where it is of another model or none is there. */
export async function schemaOfLive(
  queryable: Queryable,
  model: EmbedderModel,
): Promise<string | null> {
  const live = await liveGenerationOf(queryable, embeddingsProjection.name);
  if (live === undefined) return null;
  const schema = schemaOf(embeddingsProjection, live.number);
  return isSameModel(await modelIn(queryable, schema), model) ? schema : null;
}
