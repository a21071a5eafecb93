/**
 * Opens the models that a node is configured for. Their adapters are loaded where they are needed, and
 * nothing is asked of an endpoint yet: a node starts while its models are away.
 */
import { HashingEmbedder, openTransformersEmbedder } from '#adapters/embedders';
import type { EndpointAccess } from '#adapters/openai';
import { type Chat, type Clock, type Embedder, type Ids, type Limits, limits } from '#runtime';
import type { EmbeddingsSettings, EndpointSettings } from './models-settings.ts';

/** Null where embeddings are off. Rejects with CONFIG_INVALID for a folder that holds no model. */
export async function openEmbedder(
  settings: EmbeddingsSettings,
  surroundings: { readonly clock: Clock; readonly ids: Ids },
  bounds: Partial<Limits> = {},
): Promise<Embedder | null> {
  switch (settings.kind) {
    case 'off':
      return null;
    case 'hashing':
      return new HashingEmbedder(settings.dimensions);
    case 'folder':
      return openTransformersEmbedder(settings.folder);
    case 'endpoint': {
      const { OpenAiEmbedder } = await import('#adapters/openai');
      const { clock, ids } = surroundings;
      const { dimensions, endpoint } = settings;
      return new OpenAiEmbedder({
        access: accessOf(endpoint),
        dimensions,
        clock,
        ids,
        limits: { ...limits, ...bounds },
      });
    }
  }
}

/** Whose API a model is asked by, in the words of OpenTelemetry's conventions where these have one. */
export function providerOf(settings: EmbeddingsSettings): string {
  switch (settings.kind) {
    case 'endpoint':
      return settings.endpoint.apiVersion === undefined ? 'openai' : 'azure.ai.openai';
    case 'folder':
      return 'transformers.js';
    default:
      return 'cognisync';
  }
}

/** Null where no language model is configured. */
export async function openChat(settings: EndpointSettings | undefined): Promise<Chat | null> {
  if (settings === undefined) return null;
  const { OpenAiChat } = await import('#adapters/openai');
  return new OpenAiChat({ access: accessOf(settings), limits });
}

function accessOf({ apiKey, ...access }: EndpointSettings): EndpointAccess {
  return { ...access, ...(apiKey && { apiKey: apiKey.reveal() }) };
}
