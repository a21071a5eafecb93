import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entity } from '#actors';
import { openSqlite, type SqliteStore } from '#adapters/sqlite';
import type { ActorDefinition, Difference, NewEvent } from '#runtime';
import { live } from '#test/actor';
import { goldenDataDir } from '#test/golden';
import { createEntity, instantAt, updateEntity } from '#test/messages';
import { cli } from '#test/process';
import { temporaryFolder } from '#test/served';
import { differenceLines } from '../../infra/cli/difference.ts';

let dataDir: string;
let store: SqliteStore;

/** A log in which `a` was decided as this code does, and `b` as it does not; open all the while. */
beforeAll(async () => {
  dataDir = await temporaryFolder();
  store = await openSqlite(join(dataDir, 'log.sqlite'));
  for (const id of ['a', 'b']) {
    const { events } = live(entity as ActorDefinition, [
      createEntity({ id, messageId: 'm1', at: 0, properties: { size: 1 } }),
      updateEntity({ id, messageId: 'm2', at: 1, properties: { size: 1 } }),
    ]);
    const recorded = events.map((event, at): NewEvent => {
      const metadata = { ...event.metadata, recordedAt: instantAt(at) };
      return { ...event, id: `${id}/${at}`, metadata };
    });
    const [first, second] = recorded as [NewEvent, NewEvent];
    const data = { ...(second.data as object), changed: { size: 1 }, confirmed: [] };
    const news = { ...second, type: 'EntityUpdated', data };
    await store.log.append(`entity-acme/${id}`, [first, id === 'a' ? second : news], 'no_stream');
  }
});
afterAll(async () => {
  await store.log.close();
  await rm(dataDir, { recursive: true });
});

const rehearse = (...args: string[]) => cli(['rehearse', ...args], { DATA_DIR: dataDir });

describe('rehearse', () => {
  it('finds no difference between this code and the golden log', async () => {
    await using golden = await goldenDataDir();
    const { code, stdout } = await cli(['rehearse', '--data-dir', golden.path]);
    expect(stdout).toMatch(
      /^113 actors, 565 messages, 649 events rehearsed in \S+ s \(\S+ events\/s\): no difference\n$/,
    );
    expect(code).toBe(0);
  });

  it('shows actor by actor what is decided otherwise, beside whoever has the log open', async () => {
    const { code, stdout } = await rehearse();
    const lines = stdout.split('\n');
    expect(lines.slice(0, 5)).toEqual([
      'entity-acme/b',
      '  @1 (position 4): UPDATE_ENTITY m2 led to EntityUpdated v1, and now to EntityConfirmed v1',
      '      /0/type  "EntityUpdated" → "EntityConfirmed"',
      '      /0/data/changed/size  1 → nothing',
      '      /0/data/confirmed/0  nothing → "size"',
    ]);
    expect(lines[5]).toMatch(
      /^2 actors, 4 messages, 4 events .*: 1 DIFFERENT, in 1 of the actors$/,
    );
    expect(code).toBe(1);
  });

  it('answers programs one JSON object a line', async () => {
    const { code, stdout, stderr } = await rehearse('--json');
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { kind: 'decision', stream: 'entity-acme/b', revision: 1, messageId: 'm2' },
      { kind: 'summary', actors: 2, events: 4, messages: 4, differences: 1, differingActors: 1 },
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(1);
  });

  it('takes the actors of one tenant, and of one kind', async () => {
    for (const part of [
      ['--tenant', 'beta'],
      ['--kind', 'relationship'],
    ]) {
      const { code, stdout } = await rehearse(...part);
      expect(stdout).toMatch(/^0 actors, 0 messages, 0 events .*: no difference\n$/);
      expect(code).toBe(0);
    }
  });

  it('says what is wrong with what it was asked', async () => {
    expect(await rehearse('--kind', 'page')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no kind of actor 'page'\nThere are: entity, relationship."),
    });
    expect(await rehearse('--data-dir', join(dataDir, 'nowhere'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no log at'),
    });
  });
});

describe('a difference', () => {
  const place = { stream: 'entity-acme/a', revision: 3, position: 9, messageId: 'm' };
  const fact = { type: 'EntityDeleted', schemaVersion: 1, data: { at: 1 } };
  const cases: readonly [string, Difference, readonly string[]][] = [
    [
      'of a message that changes nothing now',
      { ...place, kind: 'decision', messageType: 'X', recorded: [fact], decided: [] },
      [
        '@3 (position 9): X m led to EntityDeleted v1, and now to nothing',
        '    /0  {"type":"EntityDeleted","schemaVersion":1,"data":{"at":1}} → nothing',
      ],
    ],
    [
      'of a message that is refused',
      { ...place, kind: 'refusal', messageType: 'X', code: 'STATE_TOO_LARGE', reason: 'too many' },
      ['@3 (position 9): X m is refused now: STATE_TOO_LARGE: too many'],
    ],
    [
      'of events without a message',
      { ...place, kind: 'no-message', recorded: [fact] },
      [
        '@3 (position 9): no message leads now to EntityDeleted v1 of m',
        '    {"type":"EntityDeleted","schemaVersion":1,"data":{"at":1}}',
      ],
    ],
    [
      'of an event that can not be read',
      { ...place, kind: 'unreadable', type: 'X', code: 'EVENT_VERSION_UNKNOWN', reason: 'v9' },
      ['@3 (position 9): X can not be read, and its actor not be woken: EVENT_VERSION_UNKNOWN: v9'],
    ],
    [
      'of a state, with a name that holds a slash',
      { ...place, kind: 'state', recorded: { 'a/b': { c: [1] } }, folded: { 'a/b': { c: [2] } } },
      ['@3 (position 9): the events lead to another state than was stored', '    /a~1b/c/0  1 → 2'],
    ],
    [
      'of very many values',
      {
        ...place,
        kind: 'state',
        recorded: { list: [] },
        folded: { list: Array.from({ length: 40 }, (_, at) => at) },
      },
      [
        '@3 (position 9): the events lead to another state than was stored',
        ...[0, 1, 2, 3, 4, 5].map((at) => `    /list/${at}  nothing → ${at}`),
        '    and 34 more',
      ],
    ],
  ];
  it.each(cases)('%s is told in lines', (_claim, difference, lines) => {
    expect(differenceLines(difference, 160)).toEqual(lines);
  });

  it('is cut to the width of the terminal', () => {
    const data = { text: 'x'.repeat(500) };
    const difference: Difference = { ...place, kind: 'no-message', recorded: [{ ...fact, data }] };
    for (const line of differenceLines(difference, 60)) expect(line.length).toBeLessThanOrEqual(60);
  });
});
