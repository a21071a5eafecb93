/**
 * From a command to a client of the feed: 200 changes a second, each to 1, 100 and 1,000 WebSockets. The
 * node is in this process, the clients in another (`feed-crowd.ts`). Measured from before the command is
 * published, so decision, append, graph and all are in it. The aim at 1,000: p50 10 ms, p99 50 ms. Then
 * what those do who have heard of a change: they read, through the cache or past it (`reads.ts`).
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { openHttp } from '#adapters/http';
import { systemClock, systemIds } from '#adapters/system';
import { openNode, readConfig } from '#infra';
import { createEntity, onTheBus, updateEntity } from '#test/messages';
import { createDatabase, hasPostgres } from '#test/postgres';
import { run } from '#test/process';
import { unreadAudit } from '#test/served';
import { reads } from './reads.ts';
import { type Benchmark, median, type Result } from './report.ts';
import { inFolder } from './rig.ts';

const perSecond = 200;
const seconds = 10;
const entities = 50;
/** Before what is counted: one second of the same. */
const warmUp = perSecond;
const crowds = [1, 100, 1_000];

interface Heard {
  readonly messages: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export const notify: Benchmark = async (say) => {
  const results: Result[] = [];
  for (const clients of crowds) results.push(...(await measure(say, 'PGlite', {}, clients)));
  for (const clients of hasPostgres ? crowds : []) {
    const database = await createDatabase();
    const env = { DATABASE_URL: database.url };
    results.push(...(await measure(say, 'PostgreSQL', env, clients)));
    await database.drop();
  }
  return [...results, ...(await reads(say))];
};

function measure(
  say: (line: string) => void,
  store: string,
  env: Readonly<Record<string, string>>,
  clients: number,
): Promise<readonly Result[]> {
  return inFolder(async (folder) => {
    const around = { clock: systemClock, ids: systemIds };
    const http = await openHttp({
      ...around,
      logger: pino({ level: 'silent' }),
      version: 'bench',
      operators: [],
      audit: unreadAudit(),
    });
    const telemetry = { record: () => undefined };
    const config = readConfig({ DATA_DIR: folder, ...env });
    const node = await openNode(config, { ...around, telemetry });
    http.gate.open(node);
    const url = await http.listen({ host: '127.0.0.1', port: 0 });

    for (let n = 0; n < entities; n++) {
      await node.bus.publish([onTheBus(createEntity({ tenantId: 'acme', id: `e${n}` }))]);
    }
    await drive(node.bus, 0, warmUp);
    while (node.feed.position < (await node.log.head())) await sleep(10);
    const crowd = run('test/bench/feed-crowd.ts', [url, `${clients}`, `${perSecond * seconds}`]);
    const lines = createInterface({ input: crowd.child.stdout! })[Symbol.asyncIterator]();
    await lines.next();
    const cpu = process.cpuUsage();
    const start = performance.now();
    const acked = await drive(node.bus, warmUp, perSecond * seconds);
    const heard = JSON.parse((await lines.next()).value as string) as Heard;
    const took = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);

    http.gate.drain();
    await node.drain();
    await http.close();
    await node.close();
    await crowd.ended;
    say(
      `${store}, ${clients} clients: ${heard.messages} messages in ${(took / 1000).toFixed(1)} s`,
    );
    const label = (what: string) => `${store}, ${clients} clients: ${what}`;
    return [
      { label: label('p50 of the acknowledgement'), unit: 'ms', value: median(acked) },
      { label: label('p50'), unit: 'ms', value: heard.p50 },
      { label: label('p99'), unit: 'ms', value: heard.p99 },
      { label: label('longest'), unit: 'ms', value: heard.max },
      { label: label('CPU of the node'), unit: '%', value: (user + system) / took / 10 },
    ];
  });
}

/** Changes at an even pace, whether or not the last is done. Answers what each acknowledgement took, in ms. */
async function drive(
  bus: { publish: (messages: readonly { messageId: string; body: string }[]) => Promise<void> },
  from: number,
  count: number,
): Promise<readonly number[]> {
  const sent: Promise<number>[] = [];
  const start = performance.now();
  for (let n = 0; n < count; n++) {
    const dueMs = (n * 1000) / perSecond;
    const early = dueMs - (performance.now() - start);
    if (early > 0) await sleep(early);
    const sentUs = Math.round((performance.timeOrigin + performance.now()) * 1000);
    const change = updateEntity({
      tenantId: 'acme',
      messageId: `m${from + n}`,
      id: `e${n % entities}`,
      at: 1 + from + n,
      properties: { [`t${sentUs}`]: 1 },
    });
    const publishedMs = performance.now();
    const acked = bus.publish([onTheBus(change)]);
    sent.push(acked.then(() => performance.now() - publishedMs));
  }
  return Promise.all(sent);
}
