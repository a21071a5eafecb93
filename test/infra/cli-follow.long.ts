/** follow as its user has it: processes that die, and one that another one writes behind. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '#adapters/sqlite';
import type { Log } from '#runtime';
import { Chance } from '#test/chance';
import { effort } from '#test/effort';
import { copyOf, growByChance } from '#test/history';
import { KurrentStandIn } from '#test/kurrentdb';
import { cli, type Running, run } from '#test/process';
import { temporaryFolder } from '#test/served';
import { until } from '#test/until';
import { newEvent, newEvents } from '../contracts/log-event.ts';

let folder: string;
let source: Log;
let target: Log;
beforeEach(async () => {
  folder = await temporaryFolder();
  const opened = await openSqlite(join(folder, 'source.sqlite'));
  source = opened.log;
  target = (await openSqlite(join(folder, 'target.sqlite'))).log;
});
afterEach(async () => {
  await source.close();
  await target.close();
  await rm(folder, { recursive: true });
});

function following(): Running {
  const [from, into] = [join(folder, 'source.sqlite'), join(folder, 'target.sqlite')];
  return run('infra/cli/cognisync.js', ['follow', '--from', from, '--into', into, '--json']);
}

const isCopied = async () => (await target.last())?.id === (await source.last())?.id;

it('copies from the embedded log into KurrentDB, and back', async () => {
  const server = await KurrentStandIn.start();
  try {
    await growByChance(source, 60, new Chance(5));
    const there = run('infra/cli/cognisync.js', [
      'follow',
      ...['--from', join(folder, 'source.sqlite'), '--into', server.url, '--json'],
    ]);
    await there.says(/"status":"live"/);
    const back = run(
      'infra/cli/cognisync.js',
      ['follow', ...['--into', join(folder, 'target.sqlite'), '--json']],
      { KURRENTDB_URL: server.url },
    );
    await growByChance(source, 20, new Chance(6));
    await until('it is back', isCopied);
    for (const { child } of [there, back]) child.kill('SIGINT');
    expect(await there.ended).toMatchObject({ code: 0, stderr: '' });
    expect(await back.ended).toMatchObject({ code: 0, stderr: '' });
    expect(await copyOf(target)).toEqual(await copyOf(source));
  } finally {
    server.kill();
  }
});

describe('a follower', () => {
  it('loses and doubles nothing over kill -9, wherever it is, and with a rival', async () => {
    const rounds = [200, 9_000, 3_000, 15_000].slice(0, effort(2, 4)).sort((a, b) => a - b);
    const appending = Array.from({ length: 20 }, async (_, lane) => {
      for (let n = 0; n < 1_000; n++) {
        const stream = `entity-acme/${lane}-${n % 7}`;
        await source.append(stream, [newEvent({ data: { n, text: 'x'.repeat(100) } })], 'any');
      }
    });
    for (const copied of rounds) {
      const followers = [following(), following()];
      await until(`${copied} are copied`, async () => (await target.head()) >= copied, 50_000);
      for (const { child } of followers) child.kill('SIGKILL');
      await Promise.all(followers.map(({ ended }) => ended));
    }
    await Promise.all(appending);
    const last = following();
    await until('all is copied', isCopied, 50_000);
    last.child.kill('SIGINT');
    expect(await last.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(await copyOf(target)).toEqual(await copyOf(source));
  });

  it('copies what comes, and says how far it is', async () => {
    await growByChance(source, 20, new Chance(1));
    const follower = following();
    await follower.says(/"status":"live"/);
    await growByChance(source, 20, new Chance(2));
    await until('it is copied', isCopied);
    follower.child.kill('SIGTERM');
    const { code, stdout } = await follower.ended;
    expect(code).toBe(0);
    const head = await source.head();
    const last = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    expect(last).toMatchObject({ status: 'live', position: head, head, lag: 0, lagMs: 0 });
    expect(await copyOf(target)).toEqual(await copyOf(source));
  });

  it('ends where somebody else writes to the target', async () => {
    await source.append('entity-acme/1', newEvents(2), 'any');
    const follower = following();
    await follower.says(/"status":"live"/);
    await target.append('entity-acme/1', newEvents(1), 'any');
    await source.append('entity-acme/1', newEvents(1), 'any');
    const { code, stderr } = await follower.ended;
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'COPY_DIVERGED' } });
    const again = await following().ended;
    expect(again.stderr).toContain('COPY_DIVERGED');
  });

  it('says what is wrong with its logs', async () => {
    const [file, none] = [join(folder, 'source.sqlite'), join(folder, 'none.sqlite')];
    const itself = await cli(['follow', '--from', file, '--into', file]);
    expect(itself.stderr).toContain("can't follow itself");
    const nothing = await cli(['follow', '--from', none, '--into', file]);
    expect(nothing.stderr).toContain(`there is no log at ${none}`);
  });
});
