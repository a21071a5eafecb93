/**
 * From a document to the texts that are embedded; a function of the document alone.
 *
 * A passage is shown as it stands in the text. It is embedded beneath the document's heading, so that it
 * is found by what it is about, too; the first one beneath the facts also, so that a new status costs one
 * embedding and not all. A document that has only a heading is one chunk, which shows it.
 */
import { limits } from '#runtime';
import type { DocumentRow } from './change.ts';
import { passagesOf } from './passage.ts';
import { bodyOf, factsOf, headingOf, lineCharsMax } from './text.ts';

export interface Chunk {
  /** Number in its document, from 0. */
  readonly ord: number;
  /** What is shown. */
  readonly text: string;
  /** What the model is given; at most limits.chunkCharsMax. */
  readonly embedded: string;
  /** Of that: a UUID, the same for the same text on every machine and in every model. */
  readonly hash: string;
}

export interface Chunks {
  readonly chunks: readonly Chunk[];
  /** Passages beyond limits.chunksMax; they are found by their words alone. */
  readonly leftOut: number;
}

/** Gives the UUIDv5 of a name, as `Ids.named` does. */
export type Named = (name: string) => string;

const passageCharsMax = limits.chunkCharsMax - 2 * (lineCharsMax + 1);

export function chunksOf(
  { properties, isDeleted }: Pick<DocumentRow, 'properties' | 'isDeleted'>,
  named: Named,
): Chunks {
  if (isDeleted) return { chunks: [], leftOut: 0 };
  const heading = headingOf(properties);
  const facts = factsOf(properties);
  const chunkOf = (ord: number, text: string, passage: string): Chunk => {
    const embedded = [heading, ord === 0 ? facts : '', passage].filter(Boolean).join('\n');
    return { ord, text, embedded, hash: named(embedded) };
  };
  const body = bodyOf(properties);
  const passages = passagesOf(body, passageCharsMax);
  if (passages.length === 0) {
    return { chunks: heading === '' ? [] : [chunkOf(0, heading, '')], leftOut: 0 };
  }
  const kept = passages.slice(0, limits.chunksMax);
  const chunks = kept.map(({ first, last }, ord) => {
    const passage = body.slice(first, last);
    return chunkOf(ord, passage, passage);
  });
  return { chunks, leftOut: passages.length - kept.length };
}

/** The name of a chunk in its tenant. */
export function chunkIdOf(entityId: string, ord: number): string {
  return `${entityId}#${ord}`;
}
