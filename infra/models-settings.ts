/**
 * Which models a node uses: the EMBEDDINGS_* and CHAT_* variables.
 *
 * One of EMBEDDINGS_URL and EMBEDDINGS_MODEL_FOLDER says where the embedding model is; without any, texts
 * are embedded by hashing, which needs no model. EMBEDDINGS=off makes no vectors at all, whatever else is
 * set, so that they can be switched off for a while. Without CHAT_URL nobody writes answers.
 */
import { resolve } from 'node:path';
import { limits } from '#runtime';
import type { Reading } from './reading.ts';
import type { Secret } from './secret.ts';

/** A server that speaks OpenAI's HTTP API, or Azure's variant of it. */
export interface EndpointSettings {
  readonly url: string;
  readonly model: string;
  readonly apiKey?: Secret;
  /** There: Azure's variant. */
  readonly apiVersion?: string;
}

export type EmbeddingsSettings =
  | { readonly kind: 'off' }
  | { readonly kind: 'hashing'; readonly dimensions: number }
  | { readonly kind: 'endpoint'; readonly endpoint: EndpointSettings; readonly dimensions: number }
  /** Absolute. */
  | { readonly kind: 'folder'; readonly folder: string };

const dimensionsMin = 64;
const hashingDimensions = 384;

export function embeddingsIn(reading: Reading): EmbeddingsSettings {
  const off = reading.take('EMBEDDINGS', 'must be off, or absent', (text) =>
    text.toLowerCase() === 'off' ? 'off' : undefined,
  );
  const dimensions = reading.wholeNumber(
    'EMBEDDINGS_DIMENSIONS',
    dimensionsMin,
    limits.embeddingDimensionsMax,
  );
  const endpoint = endpointIn(reading, 'EMBEDDINGS', ['EMBEDDINGS_DIMENSIONS']);
  const folder = reading.take('EMBEDDINGS_MODEL_FOLDER', 'must be a path', (text) => resolve(text));
  if (folder !== undefined && reading.isSet('EMBEDDINGS_URL')) {
    reading.mistakes.push(
      'EMBEDDINGS_URL and EMBEDDINGS_MODEL_FOLDER are set; one of them must say where the model is',
    );
  } else if (folder !== undefined && reading.isSet('EMBEDDINGS_DIMENSIONS')) {
    reading.mistakes.push('EMBEDDINGS_DIMENSIONS is set, and the model of a folder has its own');
  }
  if (off !== undefined) return { kind: 'off' };
  if (folder !== undefined) return { kind: 'folder', folder };
  if (endpoint !== undefined && dimensions !== undefined) {
    return { kind: 'endpoint', endpoint, dimensions };
  }
  return { kind: 'hashing', dimensions: dimensions ?? hashingDimensions };
}

/** Undefined: nobody writes answers. */
export function chatIn(reading: Reading): EndpointSettings | undefined {
  return endpointIn(reading, 'CHAT', []);
}

/** Undefined where there is none, or half of one, which is noted. `needed`: what else must be set. */
function endpointIn(
  reading: Reading,
  name: 'EMBEDDINGS' | 'CHAT',
  needed: readonly string[],
): EndpointSettings | undefined {
  // A secret to the reading, so that no password in it is shown while it is refused.
  const url = reading.secret(
    `${name}_URL`,
    'must be http(s)://host/…, without user, password and query',
    isEndpointUrl,
  );
  const model = reading.name(`${name}_MODEL`, modelName);
  const apiKey = reading.secret(`${name}_API_KEY`, 'must be visible ASCII', isVisible);
  const apiVersion = reading.name(`${name}_API_VERSION`, apiVersionName);
  if (url === undefined) {
    for (const other of ['MODEL', 'API_KEY', 'API_VERSION'].map((one) => `${name}_${one}`)) {
      if (reading.isSet(other)) reading.mistakes.push(`${other} is set, which needs ${name}_URL`);
    }
    return undefined;
  }
  const missing = [`${name}_MODEL`, ...needed].filter((other) => !reading.isSet(other));
  if (missing.length > 0) {
    reading.mistakes.push(`${name}_URL is set, which needs ${missing.join(' and ')}`);
  }
  if (model === undefined) return undefined;
  return {
    url: url.reveal().trim(),
    model,
    ...(apiKey && { apiKey }),
    ...(apiVersion && { apiVersion }),
  };
}

const modelName = /^[\x21-\x7e]{1,200}$/;
const apiVersionName = /^[A-Za-z0-9.-]{1,40}$/;

function isVisible(text: string): boolean {
  return /^[\x21-\x7e]{1,4096}$/.test(text);
}

function isEndpointUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { hash, host, password, protocol, search, username } = new URL(text);
  const isHttp = protocol === 'http:' || protocol === 'https:';
  return isHttp && host !== '' && `${username}${password}${search}${hash}` === '';
}
