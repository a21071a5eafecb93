/**
 * Files as requests to a node, in order, one at a time: a folder's files by name, a file's deliveries as
 * they stand in it.
 *
 *     *.json             a webhook's body; a recorded delivery { connection, event?, headers?, body }; a
 *                        command; or a list of these
 *     *.ndjson, *.jsonl  one of these a line
 *
 * What has a `messageType` is a command, what has a `connection` and a `body` is a recorded delivery,
 * anything else is a body.
 */
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Request } from './client.ts';
import { Complaint } from './complaint.ts';

/** One delivery or command on its way in. */
export interface Item {
  /** Where it stands, for the reader: file, and line or place in the list. */
  readonly name: string;
  readonly request: Request;
  /** The actor that a command is for; null for a delivery, which speaks of many. */
  readonly actor: string | null;
  /** Bytes of all files up to its end. */
  readonly upTo: number;
}

const lineFiles = ['.ndjson', '.jsonl'];
const samples = fileURLToPath(new URL('../samples', import.meta.url));

/** The files behind the names, in order. Throws a Complaint for a name that is none. */
export function filesOf(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const path = name === 'samples' && !existsSync(name) ? samples : name;
    if (!existsSync(path)) throw new Complaint(`there is no file or folder ${name}`);
    if (!statSync(path).isDirectory()) return [path];
    const inside = readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((file) => ['.json', ...lineFiles].includes(extname(file)))
      .sort();
    if (inside.length === 0) throw new Complaint(`${name} holds no .json or .ndjson files`);
    return inside.map((file) => join(path, file));
  });
}

/** What the files hold. Throws a Complaint for one that is no JSON. */
export async function* itemsOf(
  files: readonly string[],
  connection: string,
): AsyncGenerator<Item, void, void> {
  let before = 0;
  for (const file of files) {
    const { size } = statSync(file);
    const entries = lineFiles.includes(extname(file)) ? linesOf(file) : listOf(file);
    for await (const { name, text, bytes } of entries) {
      yield { name, ...readEntry(text, name, connection), upTo: before + bytes };
    }
    before += size;
  }
}

interface Entry {
  readonly name: string;
  readonly text: string;
  /** Bytes of its file up to its end. */
  readonly bytes: number;
}

async function* linesOf(file: string): AsyncGenerator<Entry, void, void> {
  let line = 0;
  let bytes = 0;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: 1_000 })) {
    line += 1;
    bytes += Buffer.byteLength(text) + 1;
    if (text.trim() !== '') yield { name: `${file}:${line}`, text, bytes };
  }
}

/** A file's own text where it is one delivery: its bytes are what was signed. */
function* listOf(file: string): Generator<Entry, void, void> {
  const text = readFileSync(file, 'utf8');
  const bytes = Buffer.byteLength(text);
  const value = jsonOf(text, file);
  if (!Array.isArray(value)) {
    yield { name: file, text, bytes };
    return;
  }
  for (const [at, entry] of value.entries()) {
    const upTo = Math.round((bytes * (at + 1)) / value.length);
    yield { name: `${file}#${at + 1}`, text: JSON.stringify(entry), bytes: upTo };
  }
}

interface Recorded {
  readonly messageType?: unknown;
  readonly payload?: { readonly entityId?: unknown; readonly relationshipId?: unknown };
  readonly connection?: unknown;
  readonly event?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

function readEntry(
  text: string,
  name: string,
  connection: string,
): Pick<Item, 'request' | 'actor'> {
  const value = (jsonOf(text, name) ?? {}) as Recorded;
  const method = 'POST';
  const headers = { 'content-type': 'application/json' };
  if (value.messageType !== undefined) {
    const actor = String(value.payload?.relationshipId ?? value.payload?.entityId);
    return { request: { method, path: '/commands', headers, body: text }, actor };
  }
  if (typeof value.connection !== 'string' || value.body === undefined) {
    const path = `/webhooks/${encodeURIComponent(connection)}`;
    return { request: { method, path, headers, body: text }, actor: null };
  }
  const event = typeof value.event === 'string' ? `/${encodeURIComponent(value.event)}` : '';
  const path = `/webhooks/${encodeURIComponent(value.connection)}${event}`;
  const body = typeof value.body === 'string' ? value.body : JSON.stringify(value.body);
  return {
    request: { method, path, headers: { ...headers, ...value.headers }, body },
    actor: null,
  };
}

function jsonOf(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new Complaint(`${name} is no JSON: ${(thrown as Error).message}`, { cause: thrown });
  }
}
