/** A true node behind a true HTTP server on a free port, in this process, and how to ask it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import { type Connection, defaultConnections } from '#adapters/atlassian';
import { type Backend, type HttpOptions, type HttpServer, openHttp } from '#adapters/http';
import { SqliteAudit } from '#adapters/sqlite';
import { systemClock, systemIds } from '#adapters/system';
import { type Node, openNode, readConfig } from '#infra';
import { AuditTrail, type Limits } from '#runtime';
import { putDatabase } from './database-template.ts';
import { Recorder } from './telemetry.ts';
import { until } from './until.ts';

export interface Asked {
  readonly method?: string;
  readonly tenant?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly body: any;
}

/** Asks a server; POST where there is a body, GET where there is none. */
export async function ask(url: string, path: string, asked: Asked = {}): Promise<Answered> {
  const { body, tenant, headers = {} } = asked;
  const isText = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(url + path, {
    method: asked.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(tenant !== undefined && { 'x-tenant-id': tenant }),
      ...headers,
    },
    ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text !== '' ? JSON.parse(text) : text,
  };
}

/** Waits until every projection has applied all there is, and nothing comes of it any more. */
export async function settled(url: string): Promise<void> {
  let before = -1;
  const isStill = async () => {
    const { items } = (await ask(url, '/projections')).body as {
      items: { head: number; lag: number; status: string }[];
    };
    const head = Math.max(...items.map((one) => one.head));
    const isSame = head === before && items.every(({ lag }) => lag === 0);
    before = head;
    return isSame;
  };
  await until('the projections have caught up', isStill, 60_000);
}

export interface Shell {
  readonly url: string;
  readonly server: HttpServer;
  /** What was logged, one JSON line each. */
  readonly lines: readonly string[];
  ask(path: string, asked?: Asked): Promise<Answered>;
}

/** For those who do not look into it. */
export function unreadAudit(): AuditTrail {
  // Its counts are never due, so that no timer is left running.
  const clock = { now: systemClock.now, sleep: () => new Promise<void>(() => undefined) };
  const telemetry = { record: () => undefined };
  return new AuditTrail({ log: new SqliteAudit(':memory:'), clock, telemetry });
}

/** A server on its own; whoever has a backend opens its gate. */
export async function serveShell(
  limits: Partial<Limits> = {},
  port = 0,
  guarded: Partial<Pick<HttpOptions, 'operators' | 'audit'>> = {},
): Promise<Shell> {
  const lines: string[] = [];
  const server = await openHttp({
    version: '0.0.0-test',
    logger: lineLogger(lines),
    clock: systemClock,
    ids: systemIds,
    limits,
    operators: [],
    audit: unreadAudit(),
    ...guarded,
  });
  const url = await server.listen({ host: '127.0.0.1', port });
  return { url, server, lines, ask: (path, asked) => ask(url, path, asked) };
}

export interface Served extends Shell {
  readonly node: Node;
  readonly telemetry: Recorder;
  close(): Promise<void>;
}

/** A server with a node that keeps its data in a folder of its own, which goes when it closes. */
export async function serveNode(
  connections: ReadonlyMap<string, Connection> = defaultConnections(),
): Promise<Served> {
  const dataDir = await temporaryFolder();
  putDatabase(join(dataDir, 'read-models'));
  const telemetry = new Recorder();
  const shell = await serveShell();
  const node = await openNode(
    { ...readConfig({ DATA_DIR: dataDir }), connections },
    { clock: systemClock, ids: systemIds, telemetry },
  );
  shell.server.gate.open(node);
  return {
    ...shell,
    node,
    telemetry,
    close: async () => {
      shell.server.gate.drain();
      await node.drain();
      await shell.server.close();
      await node.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A backend that has only what a test is about; anything else is a mistake of the test. */
export function partOf(parts: Partial<Backend>): Backend {
  return parts as Backend;
}

export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'cognisync-'));
}

function lineLogger(lines: string[]): Logger {
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  return pino({ level: 'debug' }, sink);
}
