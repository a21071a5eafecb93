/** The reading of pages: what is read and told, over a true socket, and behind the true runtime. */
import { describe, expect, test } from 'vitest';
import { contracts, entity, relationship } from '#actors';
import { type Connection, pageReaderOf } from '#adapters/atlassian';
import { InProcessBus, MemoryLog, MemorySnapshots } from '#adapters/memory';
import { systemIds } from '#adapters/system';
import { type ActorDefinition, type Clock, host, limits, Runtime } from '#runtime';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';
import { page, pageEvent, sentAt } from './bodies.ts';
import { confluence, gist, read, site } from './delivered.ts';
import {
  Checkpoint,
  connectionOf,
  LeapingClock,
  pace,
  pageId,
  readerOn,
  wanted,
} from './page-rig.ts';
import {
  type Answer,
  everyPage,
  json,
  never,
  notFound,
  PageServer,
  pageAnswer,
  status,
} from './page-server.ts';
import { play } from './played.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('a wanted page', () => {
  test('is read with the credentials and told: text, version, author, parent, mentions', async () => {
    await using server = await PageServer.open();
    server.usual = everyPage;
    const { apply, checkpoint, published } = readerOn(server);
    await apply(wanted('7'));
    expect(checkpoint.at).toBe(10);
    expect(server.requests).toEqual(['GET /wiki/api/v2/pages/7?body-format=storage']);
    expect([...server.authorizations]).toEqual([
      `Basic ${Buffer.from('bot@acme.example:tok').toString('base64')}`,
    ]);
    for (const message of published) contracts.read(JSON.stringify(message));
    expect(published[0]?.payload).toMatchObject({
      entityId: pageId('7'),
      properties: {
        kind: 'page',
        title: 'Page 7',
        text: 'Text of 7, by',
        version: 3,
        textVersion: 3,
      },
      source: { url: `https://${site}/wiki/spaces/ENG/pages/7/Page` },
      metadata: { extractedAt: '2026-11-20T10:00:00.400000001Z' },
    });
    expect(published.map(gist)).toEqual([
      `UPDATE_ENTITY ${pageId('7')}`,
      'UPDATE_ENTITY atlassian:account:ann',
      `LINK ${pageId('7')} AUTHORED_BY atlassian:account:ann`,
      `LINK ${pageId('7')} RELATED_TO ${pageId('1')}`,
      'UPDATE_ENTITY atlassian:account:eve',
      `LINK ${pageId('7')} RELATED_TO atlassian:account:eve`,
    ]);
  });

  test('that is a blog post is read as one, and has no parent', async () => {
    await using server = await PageServer.open();
    server.usual = everyPage;
    const { apply, published } = readerOn(server);
    await apply(wanted('8', { kind: 'blogpost' }));
    expect(server.requests).toEqual(['GET /wiki/api/v2/blogposts/8?body-format=storage']);
    expect(published[0]?.payload).toMatchObject({ properties: { kind: 'blogpost' } });
    expect(published.map(gist).join()).not.toContain('/parent');
  });

  test.each([
    ['at the top', { parentId: null, parentType: null }],
    ['in a folder', { parentType: 'folder' }],
  ])('that is %s has no parent', async (_, more) => {
    await using server = await PageServer.open();
    server.usual = json(pageAnswer('7', more));
    const { apply, published } = readerOn(server);
    await apply(wanted('7'));
    expect(published.map(gist)).toContain(`UNLINK_ENTITIES ${pageId('7')}/parent`);
  });

  test('that links to itself and to another mentions the other', async () => {
    await using server = await PageServer.open();
    const link = (to: string) => `<a href="https://${site}/wiki/spaces/ENG/pages/${to}/P">x</a>`;
    const body = { storage: { value: link('7') + link('9') } };
    server.usual = json(pageAnswer('7', { body }));
    const { apply, published } = readerOn(server);
    await apply(wanted('7'));
    const gists = published.map(gist);
    expect(gists).toContain(`LINK ${pageId('7')} RELATED_TO ${pageId('9')}`);
    expect(gists).not.toContain(`LINK ${pageId('7')} RELATED_TO ${pageId('7')}`);
  });

  test('that was moved has the parent of after the move, whatever came first', async () => {
    await using server = await PageServer.open();
    const { apply, published } = readerOn(server);
    server.next.push(json(pageAnswer('7')), json(pageAnswer('7', { parentId: '2' })));
    await apply(wanted('7'));
    await apply(wanted('7', { version: 0, sinceMs: Date.parse('2026-11-21T00:00:00.000Z') }));
    const exist = ['1', '2'].flatMap((id) => read(confluence, pageEvent(page(id))).messages);
    for (const order of [published, published.toReversed()]) {
      expect(play([...exist, ...order]).edges).toContain(
        `${pageId('7')} RELATED_TO ${pageId('2')} (parent)`,
      );
    }
  });

  test('is read once for many events of one batch, and not again for what was read', async () => {
    await using server = await PageServer.open();
    server.usual = everyPage;
    const { apply } = readerOn(server);
    await apply(
      wanted('7', { version: 1 }),
      wanted('7', { version: 3 }),
      wanted('7', { version: 2 }),
    );
    await apply(wanted('7', { version: 2 }), wanted('9'));
    expect(server.requests).toHaveLength(2);
  });

  test('read again after a crash gives the same messages', async () => {
    await using server = await PageServer.open();
    server.usual = everyPage;
    const [one, other] = [readerOn(server), readerOn(server)];
    await one.apply(wanted('7'));
    await other.apply(wanted('7'));
    expect(other.published).toEqual(one.published);
    expect(one.published.length).toBeGreaterThan(0);
  });

  test.each<[string, Answer, string]>([
    ['gone', notFound, 'gone'],
    ['purged', status(410), 'gone'],
    ['not ours to see', status(403), 'forbidden'],
    ['refused for itself', status(400), 'unreadable'],
    ['of another shape', json({ id: '7', title: 1 }), 'unreadable'],
    ['another page', json(pageAnswer('8')), 'unreadable'],
    [
      'too large',
      (_, response) => void response.end(Buffer.alloc(limits.messageBytesMax + 1, 32)),
      'unreadable',
    ],
  ])('that is %s is passed over, and the entity kept', async (_, answer, outcome) => {
    await using server = await PageServer.open();
    server.next.push(answer);
    server.usual = everyPage;
    const { apply, checkpoint, outcomes, published } = readerOn(server);
    await apply(wanted('7'));
    expect(outcomes()).toEqual([outcome]);
    expect(published).toEqual([]);
    expect(checkpoint.at).toBe(10);
    await apply(wanted('9'));
    expect(published.map(gist)).toContain(`UPDATE_ENTITY ${pageId('9')}`);
  });
});

test('stopping ends what is under way at once', async () => {
  await using server = await PageServer.open();
  server.usual = never;
  const { apply, checkpoint, stop } = readerOn(server);
  const applied = apply(wanted('7'), wanted('8'));
  await until('a request is under way', () => server.requests.length > 0);
  stop.abort();
  await expect(applied).rejects.toThrow(code('SHUTTING_DOWN'));
  expect(checkpoint.at).toBe(0);
});

test.each<[string, Partial<Connection>]>([
  ['credentials', {}],
  ['Confluence', { system: 'jira', credentials: { baseUrl: 'https://x', bearerToken: 't' } }],
])('without %s nothing is read', (_, more) => {
  const options = {} as Parameters<typeof pageReaderOf>[1];
  expect(pageReaderOf({ ...confluence, ...more }, options)).toBeNull();
});

test('there is nothing to rebuild', async () => {
  await using server = await PageServer.open();
  const { reader } = readerOn(server);
  await expect(reader.generations.begin()).rejects.toThrow(code('REQUEST_INVALID'));
});

describe('an event of an entity', () => {
  const known = { extractedAt: '2026-11-20T10:00:00.400Z' };
  const wantedBy = async (type: string, data: object, stream = `entity-acme/${pageId('7')}`) => {
    await using server = await PageServer.open();
    const event = { stream, type, data: { ...known, ...data }, id: 'e', schemaVersion: 1 };
    const metadata = { messageId: 'm', recordedAt: '2026-11-20T10:00:01.000Z' };
    const { projection } = readerOn(server).reader;
    return projection.project({ ...event, metadata, revision: 0, position: 1 });
  };
  const sinceMs = Date.parse(known.extractedAt);

  test.each<[string, string, object, number | null]>([
    ['a new page', 'EntityCreated', { properties: { version: 3 } }, 3],
    ['a new version', 'EntityUpdated', { changed: { version: 4 } }, 4],
    ['a move', 'EntityUpdated', { changed: { movedAt: 'then' } }, 0],
    ['a text that is behind', 'EntityCreated', { properties: { version: 4, textVersion: 3 } }, 4],
    ['what a read wrote', 'EntityUpdated', { changed: { version: 4, textVersion: 4 } }, null],
    [
      'a page that came back with its text',
      'EntityCreated',
      { properties: { version: 4, textVersion: 4 } },
      null,
    ],
    ['a new title alone', 'EntityUpdated', { changed: { title: 'x' } }, null],
    ['a page without a version, as of Data Center', 'EntityCreated', { properties: {} }, null],
  ])('that is %s is followed by a read, or not', async (_, type, data, version) => {
    const bornMs = type === 'EntityCreated' ? sinceMs : 0;
    const expected = version === null ? [] : [wanted('7', { version, sinceMs, bornMs })];
    expect(await wantedBy(type, data)).toEqual(expected);
  });

  test.each([
    [`entity-acme/confluence:other.net:page:7`],
    [`entity-other/${pageId('7')}`],
    [`entity-acme/confluence:${site}:comment:7`],
  ])('%s is not followed by a read', async (stream) => {
    expect(await wantedBy('EntityCreated', { properties: { version: 3 } }, stream)).toEqual([]);
  });
});

describe('behind the true runtime', () => {
  async function node(server: PageServer) {
    const clock = new LeapingClock();
    const parked: Clock = {
      now: () => clock.now(),
      // The runtime's own timers (idle actors) have no part in this.
      sleep: (_, signal) =>
        new Promise((__, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    };
    const telemetry = new Recorder();
    const log = new MemoryLog();
    const bus = new InProcessBus({ log, clock: parked, ids: systemIds });
    const stop = new AbortController();
    const reader = pageReaderOf(connectionOf(server), {
      bus,
      checkpoint: new Checkpoint(),
      clock,
      telemetry,
      signal: stop.signal,
      pace,
    })!;
    const runtime = new Runtime({
      log,
      bus,
      telemetry,
      contracts,
      clock: parked,
      ids: systemIds,
      snapshots: new MemorySnapshots(),
      actors: [entity as ActorDefinition, relationship as ActorDefinition],
      projections: [host(reader.projection, reader.generations)],
    });
    await runtime.start();
    const deliver = async (event: string, body: object) => {
      const { messages } = read(confluence, body, { event });
      await bus.publish(
        messages.map((message) => ({
          messageId: message.messageId,
          body: JSON.stringify(message),
        })),
      );
      // Caught up: everything that follows from the delivery, and from that, is read.
      await until('the reader stands at the end of the log', async () => {
        const [status] = await runtime.projections();
        return status?.status === 'live' && status.position === (await log.head());
      });
    };
    const properties = async (id: string) => {
      const events = await log.readStream(`entity-acme/${id}`);
      const state = events.reduce((before, event) => entity.evolve(before, event), entity.initial);
      return Object.fromEntries(
        Object.entries(state.properties).map(([name, { value }]) => [name, value]),
      );
    };
    return {
      deliver,
      properties,
      [Symbol.asyncDispose]: async () => {
        stop.abort();
        await runtime.stop();
        await log.close();
      },
    };
  }

  test('a page event brings its text, once; a move looks again, a mention of the same does not', async () => {
    await using server = await PageServer.open();
    server.usual = everyPage;
    await using running = await node(server);
    await running.deliver('page_created', pageEvent(page(7)));
    expect(await running.properties(pageId('7'))).toMatchObject({
      text: 'Text of 7, by',
      textVersion: 3,
    });
    expect(server.requests).toHaveLength(1);
    await running.deliver('page_created', pageEvent(page(7)));
    await running.deliver('page_updated', pageEvent(page(7)));
    expect(server.requests).toHaveLength(1);
    await running.deliver('page_moved', pageEvent(page(7)));
    expect(server.requests).toHaveLength(2);
    const newer = { version: { number: 4, createdAt: '2026-11-21T10:00:00.000Z' } };
    server.next.push(json(pageAnswer('7', { ...newer, title: 'Renamed' })));
    const modified = {
      version: 4,
      title: 'Renamed',
      modificationDate: Date.parse('2026-11-21T10:00:00.000Z'),
    };
    await running.deliver('page_updated', pageEvent(page(7, modified)));
    expect(server.requests).toHaveLength(3);
    expect(await running.properties(pageId('7'))).toMatchObject({
      title: 'Renamed',
      textVersion: 4,
    });
  });

  test('a page that comes back from the trash has its text again', async () => {
    await using server = await PageServer.open();
    server.usual = everyPage;
    await using running = await node(server);
    const at = (timestamp: number) => pageEvent(page(7), { timestamp });
    await running.deliver('page_created', at(sentAt));
    await running.deliver('page_trashed', at(sentAt + 60_000));
    expect(await running.properties(pageId('7'))).toEqual({});
    await running.deliver('page_restored', at(sentAt + 120_000));
    expect(await running.properties(pageId('7'))).toMatchObject({ text: 'Text of 7, by' });
    expect(server.requests).toHaveLength(2);
  });

  test('a page that cannot be read keeps what its event said', async () => {
    await using server = await PageServer.open();
    await using running = await node(server);
    await running.deliver('page_created', pageEvent(page(7)));
    expect(server.requests).toHaveLength(1);
    expect(await running.properties(pageId('7'))).toMatchObject({ title: 'Page 7', version: 3 });
  });

  test("comments, and Data Center's bare pages, are not read", async () => {
    await using server = await PageServer.open();
    await using running = await node(server);
    await running.deliver('comment_created', {
      comment: {
        id: 9,
        contentType: 'comment',
        version: 1,
        parent: { id: 3, contentType: 'whiteboard' },
      },
    });
    await running.deliver('page_updated', { page: { id: 5 } });
    expect(server.requests).toEqual([]);
  });
});
