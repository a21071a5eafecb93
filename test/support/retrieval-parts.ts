/** Parts of a backend that answer questions as a test says: what was found, and a model that speaks. */
import type { ContextAnswer, Hit, Retrieval } from '#projections';
import type { Chat, ChatPrompt } from '#runtime';

export function hitOf(id: string, parts: Partial<Hit> = {}): Hit {
  const time = '2026-11-24T12:00:00.000Z';
  return {
    entity: {
      id,
      type: 'ISSUE',
      properties: { title: id },
      source: { system: 'jira', id, url: `https://acme.example/${id}` },
      confidence: 'HIGH',
      importance: 'NORMAL',
      revision: 0,
      position: 1,
      createdAt: time,
      updatedAt: time,
    },
    title: id,
    url: `https://acme.example/${id}`,
    score: 0.03,
    explained: { words: { rank: 1, score: 0.5 }, vectors: { rank: 1, similarity: 0.9 } },
    passages: [{ chunkId: `${id}#0`, entityId: id, snippet: `**${id}**`, position: 1 }],
    ...parts,
  };
}

export function contextOf(...hits: readonly Hit[]): ContextAnswer {
  return {
    positions: { graph: 1, index: 1 },
    vectors: 'used',
    hits,
    context: hits.map(({ title }, at) => `[${at + 1}] ${title}`).join('\n'),
    citations: hits.map(({ entity, title, url }, at) => ({
      n: at + 1,
      kind: 'text',
      entityId: entity.id,
      title,
      url,
      chunkId: `${entity.id}#0`,
      position: 1,
    })),
  };
}

/** Answers with what it is given, or as it is told. */
export function retrievalOf(
  answer: ContextAnswer,
  told: Partial<Pick<Retrieval, 'search' | 'query' | 'provenance'>> = {},
): Retrieval {
  const parts = { search: async () => answer, query: async () => answer, ...told };
  return parts as unknown as Retrieval;
}

/** A model that says its pieces, then does as it is told: ends, throws, or waits to be left. */
export class SpokenChat implements Chat {
  readonly model = 'spoken';
  readonly prompts: ChatPrompt[] = [];
  /** Pieces that were taken, of all answers. */
  spoken = 0;
  /** Answers that are over, whoever ended them. */
  over = 0;
  readonly #pieces: Iterable<string>;
  readonly #then: 'end' | 'wait' | Error;

  constructor(pieces: Iterable<string>, then: 'end' | 'wait' | Error = 'end') {
    this.#pieces = pieces;
    this.#then = then;
  }

  async *answer(prompt: ChatPrompt, signal: AbortSignal): AsyncGenerator<string> {
    this.prompts.push(prompt);
    try {
      for (const piece of this.#pieces) {
        signal.throwIfAborted();
        this.spoken += 1;
        yield piece;
      }
      if (this.#then instanceof Error) throw this.#then;
      if (this.#then === 'wait') await aborted(signal);
    } finally {
      this.over += 1;
    }
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
