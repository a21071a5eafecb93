/**
 * What a node would need on this machine, with this environment. Looks and changes nothing; whatever
 * can't be looked at is a finding too.
 */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { versions } from 'node:process';
import { openPostgres } from '#adapters/postgres';
import { errorCatalogue, limits, type RuntimeError, toRuntimeError } from '#runtime';
import { type Config, readConfig } from '../config.ts';
import { freeBytesIn } from '../data-folder.ts';
import { countOf } from './text.ts';

export interface Finding {
  readonly name: string;
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  /** What is seen; goes on where the name ends. */
  readonly words: string;
  /** What to do; null where that is nothing. */
  readonly advice: string | null;
}

const well = (name: string, words: string): Finding => ({
  name,
  status: 'healthy',
  words,
  advice: null,
});
const ill = (name: string, words: string, advice: string): Finding => ({
  name,
  status: 'unhealthy',
  words,
  advice,
});

export async function surroundingsOf(): Promise<readonly Finding[]> {
  let config: Config;
  try {
    config = readConfig();
  } catch (thrown) {
    const { code, message } = toRuntimeError(thrown);
    const mistakes = message.replaceAll('\n', '; ');
    return [nodeVersion(), ill('configuration', mistakes, errorCatalogue[code].hint)];
  }
  return [
    nodeVersion(),
    well('configuration', 'has no mistakes'),
    ...(await Promise.all([port(config), folder(config), readStore(config)])).flat(),
  ];
}

/** The first that runs TypeScript as it is and has all of node:sqlite that the log needs. */
const nodeMajorMin = 24;

function nodeVersion(): Finding {
  const { node } = versions;
  if (Number.parseInt(node, 10) >= nodeMajorMin) return well('Node', `is ${node}`);
  return ill('Node', `is ${node}`, `Use Node ${nodeMajorMin} or newer; \`npm ci\` brings one.`);
}

async function port({ host, port: number }: Config): Promise<Finding> {
  const name = `port ${number}`;
  const { promise, resolve } = Promise.withResolvers<Finding>();
  const server = createServer();
  server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
    const isTaken = code === 'EADDRINUSE';
    const words = isTaken ? `on ${host} is taken by another program` : `can't be had: ${message}`;
    resolve(ill(name, words, 'Stop what listens there, or set PORT (and HOST) to another.'));
  });
  server.listen({ host, port: number }, () => {
    server.close(() => resolve(well(name, `on ${host} is free`)));
  });
  return promise;
}

async function folder({ dataDir }: Config): Promise<readonly Finding[]> {
  const name = 'data folder';
  try {
    const there = await nearestOf(dataDir);
    await access(there, constants.W_OK);
    const words = there === dataDir ? `${dataDir} can be written` : `${dataDir} can be made`;
    return [well(name, words), disk(await freeBytesIn(there))];
  } catch (thrown) {
    const advice = 'Give this user the right to write there, or set DATA_DIR to another folder.';
    return [ill(name, `${dataDir} can't be used: ${(thrown as Error).message}`, advice)];
  }
}

/** The folder, or where it is absent the first above it that is there. */
async function nearestOf(path: string): Promise<string> {
  try {
    if (!(await stat(path)).isDirectory()) throw new Error(`${path} is no folder`);
    return path;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    return nearestOf(dirname(path));
  }
}

function disk(freeBytes: number): Finding {
  const words = `has ${countOf(freeBytes / 1024 ** 2)} MiB left for the data folder`;
  if (freeBytes >= limits.diskFreeBytesLow) return well('disk', words);
  const status = freeBytes < limits.diskFreeBytesMin ? 'unhealthy' : 'degraded';
  return {
    name: 'disk',
    status,
    words,
    advice: 'Free space, or move DATA_DIR to a larger disk.',
  };
}

/** An embedded one is in the data folder; a server is asked. */
async function readStore({ databaseUrl, embeddings }: Config): Promise<readonly Finding[]> {
  if (databaseUrl === undefined) return [];
  const store = openPostgres({ url: databaseUrl.reveal() });
  try {
    const versions = await store.query<{ version: string }>(
      `SELECT default_version AS version FROM pg_available_extensions WHERE name = 'vector'`,
    );
    const found = well('PostgreSQL', 'of DATABASE_URL answers');
    if (embeddings.kind === 'off') return [found];
    return [found, pgvector(versions[0]?.version)];
  } catch (thrown) {
    const { code }: RuntimeError = toRuntimeError(thrown);
    const advice = 'Start it, and check host, port, user and database of DATABASE_URL.';
    return [ill('PostgreSQL', `of DATABASE_URL does not answer: ${code}`, advice)];
  } finally {
    await store.close();
  }
}

function pgvector(version: string | undefined): Finding {
  if (version !== undefined) return well('pgvector', `is ${version}`);
  const { hint } = errorCatalogue.VECTORS_UNSUPPORTED;
  return ill('pgvector', 'is not installed on the server of DATABASE_URL', hint);
}
