/**
 * The embedding index of a node and what is asked of it: the models that are configured, the projection
 * with its indexer, and retrieval over index and graph. With EMBEDDINGS=off there is no index, and
 * retrieval goes by words.
 */
import {
  embeddingsGenerations,
  embeddingsProjection,
  ensurePgvector,
  Filler,
  graphProjection,
  Indexer,
  IndexQueries,
  type IndexStanding,
  Retrieval,
} from '#projections';
import {
  type Chat,
  type HostedProjection,
  host,
  type Log,
  limits,
  type Progress,
  type ReadStore,
  toRuntimeError,
} from '#runtime';
import type { Config } from './config.ts';
import { foldedCharsMax } from './memory.ts';
import { openChat, openEmbedder, providerOf } from './models.ts';
import type { NodeSurroundings } from './surroundings.ts';
import { toldEmbedder } from './told-embedder.ts';

interface RetrievalParts {
  readonly config: Pick<Config, 'embeddings' | 'chat'>;
  readonly surroundings: NodeSurroundings;
  readonly log: Log;
  readonly readStore: ReadStore;
  /** Of a projection; asked when the runtime is there. */
  readonly progress: (projection: string) => Progress;
}

export interface OpenedRetrieval {
  readonly projections: readonly HostedProjection[];
  readonly retrieval: Retrieval;
  /** Null where there is no index. Whoever starts it stops it. */
  readonly index: Indexer | null;
  /** How far the index is behind; absent where there is none. Rejects with READ_STORE_UNAVAILABLE. */
  readonly indexStanding?: () => Promise<IndexStanding>;
  /** Null where no language model is configured. */
  readonly chat: Chat | null;
  /** Hangs up on the models. Call when nothing is asked of them any more. */
  close(): Promise<void>;
}

/** Rejects with CONFIG_INVALID for a folder that holds no model, or VECTORS_UNSUPPORTED. */
export async function openRetrieval(parts: RetrievalParts): Promise<OpenedRetrieval> {
  const { config, log, progress, readStore: store, surroundings } = parts;
  const opened = await openEmbedder(config.embeddings, surroundings);
  const provider = providerOf(config.embeddings);
  const embedder = opened && toldEmbedder(opened, { ...surroundings, provider });
  const chat = await openChat(config.chat);
  const close = async () => {
    await Promise.all([embedder?.close(), chat?.close()]);
  };
  const graphAt = () => progress(graphProjection.name).position;
  const asked = { ...surroundings, limits, log, store };
  if (embedder === null) {
    const rowsAt = () => ({ graph: graphAt(), index: 0 });
    const retrieval = new Retrieval({ ...asked, embedder: null, index: null, rowsAt });
    return { projections: [], retrieval, index: null, chat, close };
  }
  await assertVectors(store);
  const filler = new Filler({ ...surroundings, store, embedder });
  const indexed = () => progress(embeddingsProjection.name);
  const rowsAt = () => ({ graph: graphAt(), index: indexed().position });
  const index = new IndexQueries(embedder.model);
  const generations = embeddingsGenerations(filler, foldedCharsMax());
  return {
    projections: [host(embeddingsProjection, generations)],
    retrieval: new Retrieval({ ...asked, embedder, index, rowsAt }),
    index: new Indexer({ ...surroundings, log, filler, progress: indexed }),
    indexStanding: () => store.transaction((tx) => index.standing(tx)),
    chat,
    close,
  };
}

/** A store that does not answer now is asked again by the projection; one without vectors never has any. */
async function assertVectors(store: ReadStore): Promise<void> {
  try {
    await ensurePgvector(store);
  } catch (thrown) {
    if (!toRuntimeError(thrown).retryable) throw thrown;
  }
}
