/** The door of everything that speaks OpenAI's HTTP API. */

export { OpenAiChat, type OpenAiChatOptions } from './chat.ts';
export { OpenAiEmbedder, type OpenAiEmbedderOptions } from './embedder.ts';
export type { EndpointAccess } from './endpoint.ts';
