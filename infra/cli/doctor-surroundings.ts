/**
 * What a node would need on this machine, with this environment. Looks and changes nothing; whatever
 * can't be looked at is a finding too.
 */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { versions } from 'node:process';
import { errorCatalogue, toRuntimeError } from '#runtime';
import { type Config, environment, readConfig } from '../config.ts';
import { freeBytesIn } from '../data-folder.ts';
import { redactionOf, secretsIn } from '../redaction.ts';
import { servicesOf } from './doctor-services.ts';
import { diskFinding, doubtful, type Finding, ill, well } from './finding.ts';

export async function surroundingsOf(): Promise<readonly Finding[]> {
  let config: Config;
  try {
    config = readConfig();
  } catch (thrown) {
    const { code, message } = toRuntimeError(thrown);
    const mistakes = message.replaceAll('\n', '; ');
    return [nodeVersion(), ill('configuration', mistakes, errorCatalogue[code].hint)];
  }
  const looks = [port(config), folder(config), servicesOf(config, environment())];
  const found = [nodeVersion(), ...doubtsOf(config), ...(await Promise.all(looks)).flat()];
  // Services say what they like, and what they were told may be in it.
  return JSON.parse(redactionOf(secretsIn(config))(JSON.stringify(found)));
}

/** What a node would warn of at its start. */
function doubtsOf({ warnings }: Config): readonly Finding[] {
  if (warnings.length === 0) return [well('configuration', 'has no mistakes')];
  const advice = 'Set what is named, if that is not what you want.';
  return warnings.map((warning) => doubtful('configuration', warning, advice));
}

/** The first that runs TypeScript as it is and has all of node:sqlite that the log needs. */
const nodeMajorMin = 24;

function nodeVersion(): Finding {
  const { node } = versions;
  if (Number.parseInt(node, 10) >= nodeMajorMin) return well('Node', `is ${node}`);
  return ill('Node', `is ${node}`, `Use Node ${nodeMajorMin} or newer; \`npm ci\` brings one.`);
}

async function port({ host, port: number }: Config): Promise<readonly Finding[]> {
  const name = `port ${number}`;
  const { promise, resolve } = Promise.withResolvers<readonly Finding[]>();
  const server = createServer();
  server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
    const isTaken = code === 'EADDRINUSE';
    const words = isTaken ? `on ${host} is taken by another program` : `can't be had: ${message}`;
    resolve([ill(name, words, 'Stop what listens there, or set PORT (and HOST) to another.')]);
  });
  server.listen({ host, port: number }, () => {
    server.close(() => resolve([well(name, `on ${host} is free`)]));
  });
  return promise;
}

async function folder({ dataDir }: Config): Promise<readonly Finding[]> {
  const name = 'data folder';
  try {
    const there = await nearestOf(dataDir);
    await access(there, constants.W_OK);
    const words = there === dataDir ? `${dataDir} can be written` : `${dataDir} can be made`;
    return [well(name, words), diskFinding(await freeBytesIn(there))];
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
