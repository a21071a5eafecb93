/**
 * A whole log as text, one JSON object a line:
 *
 *     {"format":"cognisync-history","version":1,"head":476}
 *     {"position":1,"stream":"entity-acme/1","revision":0,"id":…,"type":…,"schemaVersion":1,"data":…,"metadata":…}
 *     …
 *     {"events":476,"digest":"…"}         SHA-256 of the event lines, without their positions
 *
 * The last line makes it whole: a file without it was cut off. A line is taken only as it would be written
 * here, character for character, so nothing is lost or changed on the way that nobody saw.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { eventText, limits, type RecordedEvent } from '#runtime';
import { type BoundedLine, boundedLines, LineTooLong } from './bounded-line.ts';
import { Complaint } from './complaint.ts';

const format = 'cognisync-history';
const version = 1;
/** An event and the names around it: a stream's tenant and id take four bytes a character at most. */
const lineBytesMax = limits.eventBytesMax + 64 * 1024;

/** An event as a line, without its end; `text` is its `eventText`. */
export function eventLine({ position }: RecordedEvent, text: string): string {
  return `{"position":${position},${text.slice(1)}`;
}

export function headerLine(head: number): string {
  return JSON.stringify({ format, version, head });
}

/** What the last line says, gathered from the `eventText` of each event. */
export class HistoryDigest {
  readonly #hash = createHash('sha256');
  events = 0;

  add(text: string): void {
    this.#hash.update(text).update('\n');
    this.events += 1;
  }

  /** Call once. */
  end(): HistoryEnd {
    return { events: this.events, digest: this.#hash.digest('hex') };
  }
}

export interface HistoryEnd {
  readonly events: number;
  readonly digest: string;
}

export interface HistoryLine {
  readonly event: RecordedEvent;
  /** In the file, from 1. */
  readonly line: number;
  /** About as many UTF-16 units as its JSON has. */
  readonly chars: number;
  /** Share of the file up to here, in [0, 1]. */
  readonly share: number;
}

/**
 * The events of a file, in order; returns what its last line says, once that was found true. Throws a
 * Complaint with the number of the line that is wrong.
 */
export async function* readHistory(file: string): AsyncGenerator<HistoryLine, HistoryEnd, void> {
  const { size } = statSync(file);
  const digest = new HistoryDigest();
  let position = 0;
  let end: HistoryEnd | null = null;
  for await (const line of linesOf(file)) {
    const wrong = (how: string) => wrongLine(file, line.number, how);
    const value = objectIn(line, wrong);
    if (end !== null) throw wrong('stands behind the last one');
    if (line.number === 1) checkHeader(value, wrong);
    else if ('digest' in value) end = checkEnd(value, digest.end(), wrong);
    else {
      const { event, text } = eventIn(value, line, wrong);
      if (event.position <= position) throw wrong(`has no position after ${position}`);
      position = event.position;
      digest.add(text);
      const chars = line.bytes.length;
      yield { event, line: line.number, chars, share: line.upTo / size };
    }
  }
  if (end !== null) return end;
  throw new Complaint(`${file} is not whole: its last line, with number and digest, is missing`);
}

type Wrong = (how: string) => Complaint;

export function wrongLine(file: string, line: number, how: string): Complaint {
  return new Complaint(`${file}: line ${line} ${how}`, {
    hint: 'It is no file of `cognisync export`, or was changed or cut since.',
  });
}

async function* linesOf(file: string): AsyncGenerator<BoundedLine, void, void> {
  try {
    yield* boundedLines(file, lineBytesMax);
  } catch (thrown) {
    if (!(thrown instanceof LineTooLong)) throw thrown;
    throw wrongLine(file, thrown.line, 'is longer than any event');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function objectIn({ bytes }: BoundedLine, wrong: Wrong): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (thrown) {
    throw wrong(`is no JSON in UTF-8: ${(thrown as Error).message}`);
  }
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw wrong('is no JSON object');
}

function checkHeader(value: Readonly<Record<string, unknown>>, wrong: Wrong): void {
  if (value.format !== format) throw wrong(`does not say that this is ${format}`);
  if (value.version !== version) {
    throw wrong(`says format ${value.version}; this version knows ${version}`);
  }
}

function checkEnd(
  { events, digest }: Readonly<Record<string, unknown>>,
  read: HistoryEnd,
  wrong: Wrong,
): HistoryEnd {
  if (events !== read.events) throw wrong(`says ${events} events; there are ${read.events}`);
  if (digest !== read.digest) throw wrong(`says digest ${digest}; the lines have ${read.digest}`);
  return read;
}

function eventIn(
  value: Readonly<Record<string, unknown>>,
  { bytes }: BoundedLine,
  wrong: Wrong,
): { readonly event: RecordedEvent; readonly text: string } {
  const field = Object.entries(shape).find(([name, isRight]) => !isRight(value[name]))?.[0];
  if (field !== undefined) throw wrong(`has no event with a proper ${field}`);
  const event = value as unknown as RecordedEvent;
  const text = textOf(event, wrong);
  if (Buffer.compare(Buffer.from(eventLine(event, text)), bytes) === 0) return { event, text };
  throw wrong('is not written as an export writes it');
}

function textOf(event: RecordedEvent, wrong: Wrong): string {
  try {
    return eventText(event);
  } catch (thrown) {
    // JSON.stringify goes as deep as the stack; JSON.parse goes deeper.
    throw wrong(`is nested too deeply: ${(thrown as Error).message}`);
  }
}

const isName = (value: unknown) => typeof value === 'string' && value.length > 0;
const isWhole = (least: number) => (value: unknown) =>
  Number.isSafeInteger(value) && (value as number) >= least;

const shape: Readonly<Record<string, (value: unknown) => boolean>> = {
  position: isWhole(1),
  stream: isName,
  revision: isWhole(0),
  id: isName,
  type: isName,
  schemaVersion: isWhole(1),
  data: (value) => value !== undefined,
  metadata: (value) => {
    const { messageId, recordedAt } = (value ?? {}) as Record<string, unknown>;
    return typeof messageId === 'string' && typeof recordedAt === 'string';
  },
};
