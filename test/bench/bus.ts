/**
 * Over real AMQP, with the local broker (durable) in a process of its own: sending, receiving with one
 * and two processes, and the whole way from a publish to a durable event in the SQLite log.
 *
 * Beside each rate stand the cores that each process used (on Linux), which say what bounds it: two are
 * there, the broker is one process, and @azure/service-bus alone costs a receiver about 55 µs a message.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryBlobs } from '#adapters/memory';
import { openServiceBus, type ServiceBus } from '#adapters/service-bus';
import { openSqlite } from '#adapters/sqlite';
import { systemClock, systemIds } from '#adapters/system';
import type { BusMessage } from '#runtime';
import { onTheBus } from '#test/messages';
import { type Running, run } from '#test/process';
import { subscriptionName, topicName } from '#test/service-bus';
import { until } from '#test/until';
import type { Benchmark, Result } from './report.ts';
import { command, inFolder } from './rig.ts';

const count = 40_000;
const warmUp = 3_000;
const patienceMs = 120_000;
/** Messages of one publish, and publishes under way: a busy producer. */
const chunk = 100;
const concurrent = 16;

interface Stage {
  readonly folder: string;
  readonly broker: Running;
  readonly connection: string;
  readonly bus: ServiceBus;
}

export const bus: Benchmark = (say) =>
  inFolder(async (folder) => {
    const broker = cast('broker', join(folder, 'broker.sqlite'), '0');
    const [, , connection = ''] = await broker.says(/broker on (\d+) as (\S+)/);
    const producer = await openServiceBus({
      access: { connectionString: connection },
      topicName,
      subscriptionName,
      blobs: new MemoryBlobs(),
      clock: systemClock,
      ids: systemIds,
      telemetry: { record: () => undefined },
    });
    const stage: Stage = { folder, broker, connection, bus: producer };
    try {
      say(
        `${count} commands of ${onTheBus(command(1)).body.length} bytes, ${concurrent} × ${chunk}`,
      );
      return [
        ...(await takenBy(stage, 1)),
        ...(await takenBy(stage, 2)),
        ...(await recordedBy(stage, 1)),
        ...(await recordedBy(stage, 2)),
      ];
    } finally {
      await producer.close();
      await ended([broker]);
    }
  });

/** Sending with nobody there, then taking what was sent. */
async function takenBy(stage: Stage, takers: number): Promise<readonly Result[]> {
  const name = `take-${takers}`;
  await send(stage, warmUp, `${name}-warm`);
  const sent = await measured('sent, nobody receives', { broker: stage.broker }, () =>
    send(stage, count, name),
  );
  const running = Array.from({ length: takers }, () => cast('taker', stage.connection));
  const totals = running.map(() => 0);
  for (const [at, { child }] of running.entries()) {
    child.stdout!.on('data', (text) => {
      for (const [, taken] of String(text).matchAll(/took (\d+)\n/g)) totals[at] = Number(taken);
    });
  }
  const taken = () => totals.reduce((sum, one) => sum + one, 0);
  await until('they are warm', () => taken() >= warmUp, patienceMs);
  const before = taken();
  const processes = { broker: stage.broker, ...named(running, 'receiver') };
  const received = await measured(
    `received and completed, ${takers} process${takers === 1 ? '' : 'es'}`,
    processes,
    () => until('all are taken', () => taken() >= warmUp + count, patienceMs),
    warmUp + count - before,
  );
  await ended(running);
  return [...(takers === 1 ? sent : []), ...received];
}

/** From the publish to the fsynced event, all at the same time. */
async function recordedBy(stage: Stage, nodes: number): Promise<readonly Result[]> {
  const logFile = join(stage.folder, `log-${nodes}.sqlite`);
  const { log } = await openSqlite(logFile);
  const blobs = join(stage.folder, 'blobs');
  const running = Array.from({ length: nodes }, () =>
    cast('node', stage.connection, logFile, blobs),
  );
  for (const one of running) await one.says(/ready/);
  const name = `record-${nodes}`;
  await send(stage, warmUp, `${name}-warm`);
  await until('they are warm', async () => (await log.head()) >= warmUp, patienceMs);
  const processes = { broker: stage.broker, ...named(running, 'node') };
  const results = await measured(
    `published to durable events, ${nodes} node${nodes === 1 ? '' : 's'}`,
    processes,
    async () => {
      await send(stage, count, name);
      const isDone = async () => (await log.head()) >= warmUp + count;
      await until('all are durable', isDone, patienceMs);
    },
  );
  await ended(running);
  await log.close();
  return results;
}

/** The rate of `work`, and the cores that each process used meanwhile; this one too. */
async function measured(
  label: string,
  processes: Readonly<Record<string, Running>>,
  work: () => Promise<unknown>,
  messages = count,
): Promise<readonly Result[]> {
  const pids = { producer: process.pid, ...mapped(processes, ({ child }) => child.pid ?? 0) };
  const before = mapped(pids, cpuSecondsOf);
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  const cores = Object.entries(pids).flatMap(([name, pid]): Result[] => {
    const value = (cpuSecondsOf(pid) - before[name as keyof typeof before]!) / seconds;
    return value > 0.02 ? [{ label: `  ${name}`, unit: 'cores', value }] : [];
  });
  return [{ label, unit: '/s', value: messages / seconds }, ...cores];
}

function cpuSecondsOf(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the name, which may hold anything: utime and stime are the 12th and 13th, in 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Publishes as a busy producer does. */
async function send({ bus }: Stage, messages: number, name: string): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < messages) {
      const from = next;
      next = Math.min(messages, from + chunk);
      const numbers = Array.from({ length: next - from }, (_, at) => from + at);
      await bus.publish(numbers.map((n) => messageOf(name, n)));
    }
  };
  await Promise.all(Array.from({ length: concurrent }, worker));
}

function messageOf(name: string, n: number): BusMessage {
  const message = command(n);
  const entityId = `${message.payload.entityId}:${name}`;
  const payload = { ...message.payload, entityId };
  return onTheBus({ ...message, messageId: `${name}-${n}`, payload });
}

function cast(...part: readonly string[]): Running {
  return run('test/support/bus-cast.ts', part);
}

function named(running: readonly Running[], name: string): Readonly<Record<string, Running>> {
  return Object.fromEntries(running.map((one, at) => [`${name} ${at + 1}`, one]));
}

function mapped<T, U>(of: Readonly<Record<string, T>>, to: (one: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(of).map(([name, one]) => [name, to(one)]));
}

async function ended(running: readonly Running[]): Promise<void> {
  for (const { child } of running) child.kill('SIGKILL');
  for (const one of running) await one.ended;
}
