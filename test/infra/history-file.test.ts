/** An exported file is taken as it was written, or refused with the line that is wrong. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventText, limits, type RecordedEvent } from '#runtime';
import { Chance } from '#test/chance';
import { allOf, historyOf } from '#test/history';
import { temporaryFolder } from '#test/served';
import {
  eventLine,
  HistoryDigest,
  type HistoryEnd,
  headerLine,
  readHistory,
} from '../../infra/cli/history-file.ts';

let folder: string;
let file: string;
let events: readonly RecordedEvent[];
beforeAll(async () => {
  folder = await temporaryFolder();
  file = join(folder, 'history.ndjson');
  events = await allOf(await historyOf(8, new Chance(5)));
});
afterAll(() => rm(folder, { recursive: true }));

/** The lines of a proper file: the header is the first, events follow. */
function linesOf(some: readonly RecordedEvent[] = events): string[] {
  const digest = new HistoryDigest();
  const lines = some.map((event) => {
    digest.add(eventText(event));
    return eventLine(event, eventText(event));
  });
  return [headerLine(99), ...lines, JSON.stringify(digest.end())];
}

async function read(content: string | Uint8Array): Promise<[RecordedEvent[], HistoryEnd]> {
  await writeFile(file, content);
  const history = readHistory(file);
  const found: RecordedEvent[] = [];
  for (;;) {
    const next = await history.next();
    if (next.done) return [found, next.value];
    found.push(next.value.event);
  }
}

const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

describe('an exported file', () => {
  it('gives back the events that were written', async () => {
    const [found, end] = await read(text(linesOf()));
    expect(found).toEqual(events);
    expect(end.events).toBe(events.length);
  });

  it('may hold nothing, lack its last line feed, and have an event of the largest size', async () => {
    expect((await read(text(linesOf([]))))[0]).toEqual([]);
    expect((await read(text(linesOf()).trimEnd()))[0]).toEqual(events);
    const [first] = events;
    const largest = { ...first!, data: 'x'.repeat(limits.eventBytesMax - 100) };
    expect((await read(text(linesOf([largest]))))[0]).toEqual([largest]);
  });

  it('has the same digest wherever its events stand', async () => {
    const moved = events.map((event) => ({ ...event, position: event.position * 10 }));
    expect((await read(text(linesOf(moved))))[1]).toEqual((await read(text(linesOf())))[1]);
  });

  const line3 = (change: (line: string) => string) => (lines: string[]) =>
    lines.with(2, change(lines[2]!));
  const field3 = (field: string, value: unknown) =>
    line3((line) => JSON.stringify({ ...JSON.parse(line), [field]: value }));

  it.each<[string, (lines: string[]) => string[], RegExp]>([
    ['nothing in it', () => [], /is not whole/],
    ['no first line', (lines) => lines.slice(1), /line 1 does not say that this is cognisync-/],
    [
      'a newer format',
      (l) => l.with(0, headerLine(1).replace(':1,', ':2,')),
      /line 1 says format 2/,
    ],
    ['no last line', (lines) => lines.slice(0, -1), /is not whole/],
    ['more behind its last line', (lines) => [...lines, lines[1]!], /stands behind the last one/],
    ['an event less', (lines) => lines.toSpliced(3, 1), /events; there are/],
    ['a changed text', line3((line) => line.replace(/"id":"./, '"id":"_')), /says digest/],
    ['an event twice', (lines) => lines.toSpliced(3, 0, lines[2]!), /line 4 has no position after/],
    [
      'two events exchanged',
      (l) => l.toSpliced(2, 2, l[3]!, l[2]!),
      /line 4 has no position after/,
    ],
    ['no JSON', line3((line) => line.slice(0, -5)), /line 3 is no JSON/],
    ['an empty line', (lines) => lines.toSpliced(2, 0, ''), /line 3 is no JSON/],
    ['a list', line3(() => '[1]'), /line 3 has no event with a proper position/],
    ['a word', line3(() => 'null'), /line 3 is no JSON object/],
    [
      'line feeds of another kind',
      (lines) => lines.map((one) => `${one}\r`),
      /line 2 is not written/,
    ],
    ['a field more', field3('more', 1), /line 3 is not written as an export writes it/],
    ['a field twice', line3((line) => line.replace('{', '{"id":"x",')), /line 3 is not written/],
    [
      'a number that is not kept',
      line3((line) => line.replace(/"at":\d+/, '"at":1e999')),
      /line 3 is/,
    ],
    ['a revision below 0', field3('revision', -1), /line 3 has no event with a proper revision/],
    ['half a revision', field3('revision', 0.5), /line 3 has no event with a proper revision/],
    ['no stream', field3('stream', ''), /line 3 has no event with a proper stream/],
    ['no data', field3('data', undefined), /line 3 has no event with a proper data/],
    ['no metadata', field3('metadata', null), /line 3 has no event with a proper metadata/],
    [
      'nesting without end',
      line3((line) =>
        line.replace(/"at":\d+/, `"at":${'['.repeat(400_000)}${']'.repeat(400_000)}`),
      ),
      /line 3 is (no JSON|nested too deeply)/,
    ],
    ['a line without end', line3(() => 'x'.repeat(3_000_000)), /line 3 is longer than any event/],
  ])('with %s is refused', async (_, change, said) => {
    await expect(read(text(change(linesOf())))).rejects.toThrow(said);
  });

  it('with bytes that are no UTF-8 is refused', async () => {
    const bytes = Buffer.from(text(linesOf()));
    bytes[bytes.indexOf('"id":"') + 6] = 0xff;
    await expect(read(bytes)).rejects.toThrow(/line 2 is no JSON in UTF-8/);
  });
});
