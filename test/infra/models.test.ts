import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { systemClock, systemIds } from '#adapters/system';
import { readConfig } from '#infra';
import { RuntimeError } from '#runtime';
import { openModelServer } from '#test/model-server';
import { openChat, openEmbedder } from '../../infra/models.ts';

const surroundings = { clock: systemClock, ids: systemIds };
const { signal } = new AbortController();

function mistakesOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
    return [];
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(RuntimeError);
    return (thrown as RuntimeError).data.mistakes as string[];
  }
}

const endpoint = {
  EMBEDDINGS_URL: 'https://api.openai.com/v1',
  EMBEDDINGS_MODEL: 'text-embedding-3-small',
  EMBEDDINGS_DIMENSIONS: '512',
};

describe('the models of a configuration', () => {
  it('are hashing and no chat where nothing is said', () => {
    expect(readConfig({}).embeddings).toEqual({ kind: 'hashing', dimensions: 384 });
    expect(readConfig({})).not.toHaveProperty('chat');
    const EMBEDDINGS_DIMENSIONS = '64';
    expect(readConfig({ EMBEDDINGS_DIMENSIONS }).embeddings).toMatchObject({ dimensions: 64 });
  });

  it('are where the environment says, and their keys are shown nowhere', () => {
    const config = readConfig({
      ...endpoint,
      EMBEDDINGS_API_KEY: 's3cret-one',
      CHAT_URL: 'https://acme.openai.azure.com',
      CHAT_MODEL: 'gpt-4o',
      CHAT_API_KEY: 's3cret-two',
      CHAT_API_VERSION: '2024-10-21',
    });
    expect(config).toMatchObject({
      embeddings: {
        kind: 'endpoint',
        dimensions: 512,
        endpoint: { url: 'https://api.openai.com/v1', model: 'text-embedding-3-small' },
      },
      chat: { url: 'https://acme.openai.azure.com', model: 'gpt-4o', apiVersion: '2024-10-21' },
    });
    expect(config.chat?.apiKey?.reveal()).toBe('s3cret-two');
    expect(`${inspect(config, { depth: 9 })}${JSON.stringify(config)}`).not.toContain('s3cret');
    expect(readConfig({ EMBEDDINGS_MODEL_FOLDER: '/models/minilm' }).embeddings).toEqual({
      kind: 'folder',
      folder: '/models/minilm',
    });
  });

  it('can be switched off for a while', () => {
    expect(readConfig({ ...endpoint, EMBEDDINGS: 'OFF' }).embeddings).toEqual({ kind: 'off' });
  });

  it.each<[Record<string, string>, string[]]>([
    [{ EMBEDDINGS: 'on' }, ['EMBEDDINGS is "on"; it must be off, or absent']],
    [
      { EMBEDDINGS_URL: endpoint.EMBEDDINGS_URL },
      ['EMBEDDINGS_URL is set, which needs EMBEDDINGS_MODEL and EMBEDDINGS_DIMENSIONS'],
    ],
    [
      { ...endpoint, EMBEDDINGS_DIMENSIONS: '' },
      ['EMBEDDINGS_URL is set, which needs EMBEDDINGS_DIMENSIONS'],
    ],
    [
      { EMBEDDINGS_MODEL: 'm', EMBEDDINGS_API_KEY: 'k', EMBEDDINGS_API_VERSION: '1' },
      [
        'EMBEDDINGS_MODEL is set, which needs EMBEDDINGS_URL',
        'EMBEDDINGS_API_KEY is set, which needs EMBEDDINGS_URL',
        'EMBEDDINGS_API_VERSION is set, which needs EMBEDDINGS_URL',
      ],
    ],
    [
      { ...endpoint, EMBEDDINGS_MODEL_FOLDER: '/m' },
      [
        'EMBEDDINGS_URL and EMBEDDINGS_MODEL_FOLDER are set; one of them must say where the model is',
      ],
    ],
    [
      { EMBEDDINGS_MODEL_FOLDER: '/m', EMBEDDINGS_DIMENSIONS: '384' },
      ['EMBEDDINGS_DIMENSIONS is set, and the model of a folder has its own'],
    ],
    [
      { EMBEDDINGS_DIMENSIONS: '63' },
      ['EMBEDDINGS_DIMENSIONS is "63"; it must be a whole number from 64 to 2000'],
    ],
    [
      { ...endpoint, EMBEDDINGS_DIMENSIONS: '3072' },
      ['EMBEDDINGS_DIMENSIONS is "3072"; it must be a whole number from 64 to 2000'],
    ],
    [{ CHAT_URL: 'http://localhost:11434/v1' }, ['CHAT_URL is set, which needs CHAT_MODEL']],
    [{ CHAT_MODEL: 'm' }, ['CHAT_MODEL is set, which needs CHAT_URL']],
  ])('of %o are told as wrong', (env, mistakes) => {
    expect(mistakesOf(env)).toEqual(mistakes);
  });

  it.each([
    'ftp://models',
    'models',
    'https://ann:s3cret@models/v1',
    'https://models/v1?key=s3cret',
    'https://models/v1#s3cret',
  ])('are not at %s, which is not shown', (url) => {
    expect(mistakesOf({ CHAT_URL: url, CHAT_MODEL: 'm' })).toEqual([
      'CHAT_URL has the wrong form; it must be http(s)://host/…, without user, password and query',
    ]);
  });

  it.each(['s3cret\n', 's3crét', 's3 cret'])('have no key %j, which no header can hold', (key) => {
    expect(mistakesOf({ ...endpoint, EMBEDDINGS_API_KEY: key })).toEqual([
      'EMBEDDINGS_API_KEY has the wrong form; it must be visible ASCII',
    ]);
  });
});

describe('the models of a node', () => {
  it('are opened as they are configured, without asking them anything', async () => {
    const server = await openModelServer({ apiKey: 'k3y' });
    const { chat: chatSettings, embeddings } = readConfig({
      EMBEDDINGS_URL: server.url,
      EMBEDDINGS_MODEL: 'hash',
      EMBEDDINGS_DIMENSIONS: '64',
      EMBEDDINGS_API_KEY: 'k3y',
      CHAT_URL: server.url,
      CHAT_MODEL: 'tiny',
      CHAT_API_KEY: 'k3y',
    });
    const embedder = await openEmbedder(embeddings, surroundings);
    const chat = await openChat(chatSettings);
    expect(server.requests).toEqual([]);
    expect(embedder?.model).toMatchObject({ name: 'hash', dimensions: 64 });
    expect(await embedder?.embed(['text'], signal)).toHaveLength(1);
    const pieces: string[] = [];
    for await (const piece of chat!.answer({ system: 's', user: 'u' }, signal)) pieces.push(piece);
    expect(pieces).toEqual(server.pieces);
    await embedder?.close();
    await chat?.close();
    await server.close();
  });

  it('are hashing, or none', async () => {
    const embedder = await openEmbedder(readConfig({}).embeddings, surroundings);
    expect(embedder?.model.name).toBe('hashing');
    expect(await openEmbedder({ kind: 'off' }, surroundings)).toBe(null);
    expect(await openChat(undefined)).toBe(null);
  });

  it('are no folder that holds none', async () => {
    const { embeddings } = readConfig({ EMBEDDINGS_MODEL_FOLDER: '/nowhere/minilm' });
    await expect(openEmbedder(embeddings, surroundings)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});
