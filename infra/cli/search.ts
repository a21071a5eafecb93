/** search: what fits a question, with what it says and why it is there. */
import type { HitView, SearchView } from '#adapters/http';
import type { Client } from './client.ts';
import { entityNamed } from './entity.ts';
import { printJson, printLine } from './output.ts';
import { countOf, lineOf } from './text.ts';

export interface Asked {
  readonly q: string;
  readonly types: readonly string[];
  /** Ids or keys. */
  readonly near: readonly string[];
  readonly distance: number | undefined;
  readonly mode: string | undefined;
  readonly limit: number | undefined;
  readonly isJson: boolean;
}

const passagesShown = 2;
const snippetWidth = 160;

export async function showHits(client: Client, asked: Asked): Promise<void> {
  const answer = await client.post<SearchView>('/search', await bodyOf(client, asked));
  if (asked.isJson) return printJson(answer);
  const hits = answer.hits.map((hit, at) => `${at + 1}. ${hitText(hit)}`);
  const found = hits.length === 0 ? ['Nothing fits.'] : hits;
  await printLine([...found, footOf(answer)].join('\n\n'));
}

/** What the node is asked; keys have become ids. */
export async function bodyOf(client: Client, asked: Asked): Promise<object> {
  const { distance = 1, limit, mode, near, q, types } = asked;
  const named = await Promise.all(near.map((id) => entityNamed(client, id)));
  return {
    q,
    ...(types.length > 0 && { types }),
    ...(mode !== undefined && { mode }),
    ...(limit !== undefined && { limit }),
    ...(named.length > 0 && { near: { ids: named.map(({ id }) => id), distance } }),
  };
}

/** How far the answer goes, and where it was not searched by meaning, why. */
export function footOf({ positions, vectors }: Pick<SearchView, 'positions' | 'vectors'>): string {
  const { graph, index } = positions;
  const whereIndex = index === null ? '' : `, index at ${countOf(index)}`;
  return `Graph at ${countOf(graph)}${whereIndex}.${withoutVectors[vectors]}`;
}

const withoutVectors: Readonly<Record<SearchView['vectors'], string>> = {
  used: '',
  'not-asked': '',
  off: ' By words alone: there is no index of meaning (EMBEDDINGS=off).',
  rebuilding: ' By words alone: the index is being built for another model.',
  unavailable: ' By words alone: the embedding model does not answer.',
};

function hitText({ entity, explained, passages, title, url }: HitView): string {
  const snippets = passages.slice(0, passagesShown).map(({ entityId, snippet }) => {
    const isComment = entityId !== entity.id;
    return `${isComment ? 'comment: ' : ''}${lineOf(snippet, snippetWidth)}`;
  });
  const { key } = entity.properties;
  const label = typeof key === 'string' && key !== title ? `${key} ${title}` : title;
  const lines = [
    `${entity.type} ${lineOf(label, 100)}`,
    ...snippets,
    ...(url === null ? [] : [lineOf(url, 300)]),
    `${entity.id}  (${whyOf(explained)})`,
  ];
  return lines.join('\n   ');
}

/** `words 1, meaning 3 at 0.62`. */
function whyOf({ graph, vectors, words }: HitView['explained']): string {
  const reasons = [
    words && `words ${words.rank}`,
    vectors && `meaning ${vectors.rank} at ${vectors.similarity.toFixed(2)}`,
    graph && `${graph.relationship} of ${graph.from}`,
  ];
  return reasons.filter((reason) => reason !== undefined).join(', ');
}
