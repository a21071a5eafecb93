import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEntity, updateEntity } from '#test/messages';
import { cli, type RunningNode, run, startNode } from '#test/process';
import { ask, temporaryFolder } from '#test/served';
import { until } from '#test/until';

let folder: string;
let dataDir: string;
let node: RunningNode;

beforeAll(async () => {
  folder = await temporaryFolder();
  dataDir = join(folder, 'data');
  node = await startNode({ DATA_DIR: dataDir });
});
afterAll(async () => {
  node.child.kill();
  await node.ended;
  await rm(folder, { recursive: true });
});

/** The command line as its user has it: it finds the node by the environment. */
function cognisync(...args: string[]) {
  return cli(args, { PORT: new URL(node.url).port, DATA_DIR: dataDir });
}

async function jsonOf(...args: string[]) {
  const { code, stdout, stderr } = await cognisync(...args, '--json');
  return {
    code,
    stderr,
    answers: stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

describe('ingest', () => {
  it('sends the samples in order and waits until the graph shows them', async () => {
    const { code, stdout } = await cognisync('ingest', 'samples');
    expect(stdout).toMatch(/^59 accepted \(\d+ messages\), 1 ignored, 0 refused in/);
    expect(stdout).toContain('ignored, since nothing in them is kept: sprint_started (1)');
    expect(stdout).toContain('The graph is up to date, at position');
    expect(code).toBe(0);
  });

  it('changes nothing the second time', async () => {
    const head = async () => (await ask(node.url, '/projections')).body.items[0].head;
    const before = await head();
    const { answers } = await jsonOf('ingest', 'samples');
    expect(answers[0]).toMatchObject({ accepted: 59, refused: [], position: before });
  });

  it('takes commands a line, bodies, recordings and lists of them, and says what is refused', async () => {
    const inbox = join(folder, 'inbox');
    await mkdir(inbox);
    const command = (id: string, at: number) =>
      createEntity({ tenantId: 'default', id, at, properties: { at } });
    const lines = [command('n-1', 0), command('n-2', 0), command('n-1', 1)];
    const body = { webhookEvent: 'board_created' };
    const files = {
      'a.ndjson': `${lines.map((line) => JSON.stringify(line)).join('\n')}\n\n`,
      'b.json': JSON.stringify(body),
      'c.json': JSON.stringify([
        body,
        { connection: 'confluence', event: 'page_viewed', body: {} },
      ]),
      'd.json': JSON.stringify({ connection: 'nobody', body }),
      'e.json': JSON.stringify({ ...updateEntity(), payload: {} }),
      'notes.txt': 'not for us',
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(inbox, name), text);
    const { code, answers } = await jsonOf('ingest', inbox);
    expect(code).toBe(1);
    expect(answers[0]).toMatchObject({
      accepted: 3,
      ignored: { board_created: 2, page_viewed: 1 },
      refused: [
        { name: join(inbox, 'd.json'), code: 'CONNECTION_UNKNOWN' },
        { name: join(inbox, 'e.json'), code: 'MESSAGE_INVALID' },
      ],
    });
    expect(await ask(node.url, '/entities/n-1')).toMatchObject({ body: { properties: { at: 1 } } });
  });

  it('stops at what is no JSON or not there', async () => {
    await writeFile(join(folder, 'broken.json'), '{"a":');
    const [broken, nowhere] = await Promise.all([
      cognisync('ingest', join(folder, 'broken.json')),
      cognisync('ingest', join(folder, 'nowhere.json')),
    ]);
    expect(broken).toMatchObject({ code: 1 });
    expect(broken.stderr).toContain('broken.json is no JSON');
    expect(nowhere).toMatchObject({ code: 1 });
    expect(nowhere.stderr).toContain('there is no file or folder');
  });

  it('goes on where a node is gone for a while', async () => {
    const lines = Array.from({ length: 600 }, (_, at) =>
      JSON.stringify(createEntity({ tenantId: 'gone', messageId: `w-${at}`, id: `w-${at}` })),
    );
    await writeFile(join(folder, 'many.ndjson'), lines.join('\n'));
    const PORT = new URL(node.url).port;
    const sending = run('infra/cli/cognisync.js', ['ingest', join(folder, 'many.ndjson')], {
      PORT,
    });
    await until('some of it is there', async () => {
      const { body } = await ask(node.url, '/entities?limit=1', { tenant: 'gone' });
      return body.items.length > 0;
    });
    node.child.kill('SIGKILL');
    await node.ended;
    node = await startNode({ DATA_DIR: dataDir, PORT });
    const { code, stdout } = await sending.ended;
    expect(stdout).toContain('600 accepted (600 messages), 0 ignored, 0 refused');
    expect(code).toBe(0);
  });
});

// What only asks is asked at once: most of it is the start of a process.
describe.concurrent('search and query', () => {
  it('find by words and by meaning, near an entity named by its key', async ({ expect }) => {
    const { stdout } = await cognisync('search', 'timetable import', '--near', 'TIX-4');
    expect(stdout).toMatch(/^1\. ISSUE TIX-4 Timetable import drops the last sailing of the day\n/);
    expect(stdout).toContain('https://fjordlight.atlassian.net/browse/TIX-4\n');
    const context = await cognisync('query', 'who works on the timetable import?');
    expect(context.stdout).toMatch(/^\[1\] ISSUE TIX-4 /);
    expect(context.stdout).toContain('—ASSIGNED_TO (assignee)→ Tomasz Wrona');
  });

  it('say where nothing can write an answer', async ({ expect }) => {
    const { code, stderr } = await cognisync('query', 'why?', '--answer');
    expect(stderr).toContain('CHAT_UNCONFIGURED');
    expect(stderr).toContain('Set CHAT_URL');
    expect(code).toBe(1);
  });
});

describe.concurrent('entity', () => {
  it('shows what it is and what it is linked to', async ({ expect }) => {
    const { stdout } = await cognisync('entity', 'jira:fjordlight.atlassian.net:issue:10101');
    expect(stdout).toContain('ISSUE TIX-2 Refund endpoint in the booking API\n');
    expect(stdout).toMatch(/^├─ DEPENDS_ON \(link\) → ISSUE OPS-1 .*issue:10110\]$/m);
    expect(stdout).toMatch(/^└─ /m);
  });

  it('is found by its key, too', async ({ expect }) => {
    const { stdout } = await cognisync('entity', 'TIX-2');
    expect(stdout).toContain('ISSUE TIX-2 Refund endpoint in the booking API\n');
  });

  it('is shown as of then, by its key of today', async ({ expect }) => {
    const { stdout } = await cognisync('entity', 'TIX-2', '--as-of', 'revision:0');
    expect(stdout).toMatch(/^ISSUE TIX-2 .*\n {2}jira:.*:10101\n {2}as of position \d+\n/);
    expect(stdout).not.toContain('OPS-1');
    const { code, stderr } = await cognisync('entity', 'TIX-2', '--as-of', 'position:1');
    expect(code).toBe(1);
    expect(stderr).toMatch(/NOT_FOUND: there was no entity .* at position 1; it existed from /);
  });

  it('knows what may be meant by other words', async ({ expect }) => {
    const { code, stderr } = await cognisync('entity', 'refund endpoint');
    expect(code).toBe(1);
    expect(stderr).toContain(
      "cognisync: NOT_FOUND: no entity 'refund endpoint'\nDid you mean one of these?\n",
    );
    expect(stderr).toContain('jira:fjordlight.atlassian.net:issue:10101  TIX-2');
  });

  it('answers programs in JSON, errors too', async ({ expect }) => {
    const { answers } = await jsonOf('entity', 'jira:fjordlight.atlassian.net:issue:10101');
    expect(answers[0]).toMatchObject({ entity: { type: 'ISSUE' }, neighbours: { next: null } });
    const { code, stderr } = await cognisync('entity', 'x y z', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'NOT_FOUND' } });
  });
});

describe.concurrent('the command line', () => {
  it('says what to do where no node answers', async ({ expect }) => {
    const { code, stderr } = await cli(['projections', '--url', 'http://127.0.0.1:9']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cognisync: no node answers at http:\/\/127.0.0.1:9 /);
    expect(stderr).toContain('cognisync start');
  });

  it('says so where another program answers', async ({ expect }) => {
    const other = createServer((_request, response) => response.end('hello')).listen(0);
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const { stderr } = await cli(['projections', '--url', `http://127.0.0.1:${port}`]);
    expect(stderr).toContain('answers (200), but not as CogniSync does');
    other.close();
  });

  it('runs on the Node beside it where the running one is older', async ({ expect }) => {
    const pretence = `Object.defineProperty(process, 'versions', {
      value: { ...process.versions, node: '20.20.2' } })`;
    const script = join(import.meta.dirname, '..', '..', 'infra', 'cli', 'cognisync.js');
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import',
      `data:text/javascript,${encodeURIComponent(pretence)}`,
      script,
      '--version',
    ]);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('teaches', async ({ expect }) => {
    const { stdout } = await cli(['--help']);
    expect(stdout).toContain('A first look:');
    for (const command of [
      'start',
      'ingest',
      'tail',
      'entity',
      'projections',
      'rebuild',
      'switch',
      'verify',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    }
    expect((await cli(['tail', '--help'])).stdout).toContain('$ cognisync tail');
    expect(await cli(['rebuild'])).toMatchObject({ code: 1 });
  });
});

describe('projections', () => {
  it('are shown in a table', async () => {
    const { stdout } = await cognisync('projections');
    expect(stdout).toMatch(
      /^NAME +STATUS +POSITION +LAG +RATE +GENERATIONS\ngraph +live +[\d,]+ +0 +\S+ +\d+ live\n/,
    );
  });

  it('are rebuilt', async () => {
    const { stdout } = await cognisync('rebuild', 'graph');
    expect(stdout).toMatch(/^graph is rebuilt up to [\d,]+ in [\d.]+ s$/m);
    const kept = await cognisync('rebuild', 'graph', '--keep', '--rate', '100000');
    expect(kept.code).toBe(0);
    expect((await cognisync('projections')).stdout).toMatch(/ \d+ kept at [\d,]+, \d+ live\n/);
    const switched = await cognisync('switch', 'graph');
    expect(switched.stdout).toMatch(/^graph has switched back, with all up to [\d,]+ in /m);
    const [none, unknown] = await Promise.all([
      cognisync('switch', 'links'),
      cognisync('rebuild', 'nothing'),
    ]);
    expect(none).toMatchObject({ code: 1 });
    expect(none.stderr).toContain('GENERATION_UNKNOWN');
    expect(unknown).toMatchObject({ code: 1 });
    expect(unknown.stderr).toContain('PROJECTION_UNKNOWN');
  });

  it('are rebuilt and switched back together', async () => {
    const rebuilt = await cognisync('rebuild', 'graph', 'embeddings', '--keep');
    expect(rebuilt.stdout).toMatch(
      /^graph is rebuilt up to ([\d,]+) in [\d.]+ s\nembeddings is rebuilt up to \1 in [\d.]+ s$/m,
    );
    const { answers } = await jsonOf('switch', 'graph', 'embeddings');
    expect(answers).toMatchObject([{ name: 'graph' }, { name: 'embeddings' }]);
    const unknown = await cognisync('rebuild', 'graph', 'nothing');
    expect(unknown.stderr).toContain('PROJECTION_UNKNOWN');
  });

  it('are verified, all of them where none is named', async () => {
    const { code, answers } = await jsonOf('verify');
    expect(answers).toMatchObject([
      { name: 'graph', isSame: true },
      { name: 'links', isSame: true },
      { name: 'history', isSame: true },
      { name: 'embeddings', isSame: true },
    ]);
    expect(code).toBe(0);
  });
});

describe('dead-letters', () => {
  it('are listed, shown, redriven and purged', async () => {
    const properties = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`a${at}`, 1]));
    const others = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`b${at}`, 1]));
    const tenantId = 'full';
    await ask(node.url, '/commands', { body: createEntity({ tenantId, properties }) });
    const poison = updateEntity({ tenantId, messageId: 'poison', at: 1, properties: others });
    await ask(node.url, '/commands', { body: poison });

    const letters = (...args: string[]) => cognisync('dead-letters', ...args, '--tenant', 'full');
    const list = await letters('list');
    expect(list.stdout).toMatch(/STATE_TOO_LARGE +poison +the actor would have 400 properties/);
    const [id = ''] = list.stdout.split('\n')[1]?.split(' ') ?? [];
    expect((await letters('show', id)).stdout).toContain(JSON.stringify(poison));
    expect((await letters('redrive', '--all')).stdout).toBe('0 of 1 redriven\n');
    expect((await letters('purge')).stderr).toContain('say which to purge: ids, or --all');
    expect((await letters('purge', id)).stdout).toBe('1 of 1 purged\n');
    expect((await letters('list')).stdout).toBe('There are no dead letters.\n');
  });
});

describe.concurrent('tail', () => {
  it('shows the log from a position, filtered, and ends at its end when told to', async ({
    expect,
  }) => {
    const { answers } = await jsonOf(
      'tail',
      ...['--after', '0', '--no-follow', '--type', 'EntityDeleted', '--category', 'entity'],
    );
    expect(answers.length).toBeGreaterThan(3);
    expect(new Set(answers.map(({ type }) => type))).toEqual(new Set(['EntityDeleted']));
    const { stdout } = await cognisync(
      'tail',
      ...['--after', '0', '--no-follow', '--tenant', 'full', '--category', 'entity'],
    );
    expect(stdout).toMatch(/^ +\d+ {2}\S+ {2}EntityCreated +entity-full\/issue-1@0 /);
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  it('shows an entity’s events and those of its relationships', async ({ expect }) => {
    const id = 'jira:fjordlight.atlassian.net:issue:10101';
    const { answers } = await jsonOf('tail', '--after', '0', '--no-follow', '--entity', id);
    const categories = new Set(answers.map(({ stream }) => stream.split('-')[0]));
    expect(categories).toEqual(new Set(['entity', 'relationship']));
    expect(answers.every((event) => JSON.stringify(event).includes(id))).toBe(true);
  });

  it('shows what comes while it comes, and ends cleanly on SIGINT', async ({ expect }) => {
    const args = ['tail', '--json', '--tenant', 'live', '--data-dir', dataDir];
    const following = run('infra/cli/cognisync.js', args);
    const seen = following.says(/entity-live\/fresh/);
    let isSeen = false;
    seen.finally(() => {
      isSeen = true;
    });
    // Its start is the end of the log as it is then, so something comes until it is there.
    for (let at = 0; !isSeen; at++) {
      await ask(node.url, '/commands', {
        body: createEntity({ tenantId: 'live', id: `fresh-${at}` }),
      });
    }
    await seen;
    following.child.kill('SIGINT');
    expect(await following.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  it('ends cleanly when its reader has had enough', async ({ expect }) => {
    const following = run('infra/cli/cognisync.js', ['tail', '--after', '0'], {
      DATA_DIR: dataDir,
    });
    await following.says(/EntityCreated/);
    following.child.stdout?.destroy();
    await ask(node.url, '/commands', { body: createEntity({ tenantId: 'live', id: 'last' }) });
    expect(await following.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  it('says where it looked when there is no log', async ({ expect }) => {
    const { code, stderr } = await cli(['tail'], { DATA_DIR: join(folder, 'empty') });
    expect(code).toBe(1);
    expect(stderr).toContain(`there is no log at ${join(folder, 'empty', 'log.sqlite')}`);
  });
});
