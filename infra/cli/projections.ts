/** projections, rebuild, switch, verify: where the projections stand, and their upkeep. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ProjectionView, UpkeepView } from '#adapters/http';
import type { Client } from './client.ts';
import { Complaint } from './complaint.ts';
import { printJson, printLine } from './output.ts';
import { Progress } from './progress.ts';
import { countOf, tableOf } from './text.ts';

interface Output {
  readonly isJson: boolean;
}

const pollMs = 200;

export async function projectionsOf(client: Client): Promise<readonly ProjectionView[]> {
  const { items } = await client.get<{ items: readonly ProjectionView[] }>('/projections');
  return items;
}

export async function showProjections(client: Client, { isJson }: Output): Promise<void> {
  const items = await projectionsOf(client);
  if (isJson) return printJson({ items });
  const rows = items.map((item) => [
    item.name,
    item.status,
    countOf(item.position),
    countOf(item.lag),
    `${countOf(item.eventsPerSecond)}/s`,
    generationsOf(item),
    item.error === null ? '' : `${item.error.code}: ${item.error.message}`,
  ]);
  const heads = ['NAME', 'STATUS', 'POSITION', 'LAG', 'RATE', 'GENERATIONS', ''];
  await printLine(tableOf(heads, rows, [2, 3, 4]));
}

/** Such as `3 live, 2 kept at 1,204`. */
function generationsOf({ generations }: ProjectionView): string {
  const all = generations ?? [];
  return all
    .map(({ number, state, position }) =>
      state === 'live' ? `${number} live` : `${number} ${state} at ${countOf(position)}`,
    )
    .join(', ');
}

/** Asks for a rebuild, or for the generations that an earlier one kept, and waits for its end. */
export async function renew(
  client: Client,
  names: readonly string[],
  asked: { readonly kind: 'rebuild'; readonly body: object } | { readonly kind: 'switch' },
  output: Output,
): Promise<void> {
  const { kind } = asked;
  const body = { names, ...(kind === 'rebuild' && asked.body) };
  const { startedAt, endedAt } = await completed(client, names, { kind, path: kind, body }, output);
  const seconds = (Date.parse(endedAt ?? startedAt) - Date.parse(startedAt)) / 1_000;
  const done = kind === 'rebuild' ? 'is rebuilt' : 'has switched back, with all';
  const projections = await projectionsOf(client);
  for (const name of names) {
    const position = projections.find((one) => one.name === name)?.position ?? null;
    if (output.isJson) await printJson({ name, seconds, position });
    else await printLine(`${name} ${done} up to ${countOf(position ?? 0)} in ${seconds} s`);
  }
}

/**
 * Answers whether a projection is what a replay of history gives; all of them where none is named. Those
 * without rows of their own, such as the readers of pages, have nothing to compare.
 */
export async function verify(
  client: Client,
  name: string | undefined,
  output: Output,
): Promise<boolean> {
  if (name !== undefined) return verifyOne(client, name, output);
  let isSame = true;
  for (const projection of await projectionsOf(client)) {
    try {
      isSame = (await verifyOne(client, projection.name, output)) && isSame;
    } catch (thrown) {
      if (!(thrown instanceof Complaint) || thrown.code !== 'REQUEST_INVALID') throw thrown;
      if (!output.isJson) await printLine(`${projection.name}: has no rows to compare`);
    }
  }
  return isSame;
}

async function verifyOne(client: Client, name: string, output: Output): Promise<boolean> {
  const asked = { kind: 'verify', path: `${encodeURIComponent(name)}/verify` } as const;
  const { verification } = await completed(client, [name], asked, output);
  if (verification === null) throw new Complaint(`${name} was verified without a result`);
  const { isSame, live, position, replayed } = verification;
  if (output.isJson) {
    await printJson(verification);
  } else if (isSame) {
    const rows = `${countOf(live.rows)} rows at ${countOf(position)}`;
    await printLine(`${name}: same  ${rows}, digest ${live.digest}`);
  } else {
    await printLine(
      `${name}: DIFFERENT at ${countOf(position)}\n` +
        `  live      ${countOf(live.rows)} rows, digest ${live.digest}\n` +
        `  replayed  ${countOf(replayed.rows)} rows, digest ${replayed.digest}\n` +
        `  \`cognisync rebuild ${name}\` builds it anew from the log.`,
    );
  }
  return isSame;
}

/** Begins a piece of upkeep and shows it until it has ended. */
async function completed(
  client: Client,
  names: readonly string[],
  asked: { readonly kind: UpkeepView['kind']; readonly path: string; readonly body?: object },
  { isJson }: Output,
): Promise<UpkeepView> {
  const what = `${asked.kind} ${names.join(' ')}`;
  const { id } = await client.post<UpkeepView>(`/projections/${asked.path}`, asked.body);
  const progress = new Progress(what, { isShown: !isJson });
  try {
    for (;;) {
      const projections = (await projectionsOf(client)).filter(({ name }) => names.includes(name));
      const upkeep = projections[0]?.upkeep;
      if (upkeep?.id !== id) {
        throw new Complaint(`\`${what}\` was lost: the node started anew meanwhile`, {
          hint: 'Begin it again: a rebuild goes on where it was. The rows that were live still are.',
        });
      }
      if (upkeep.state === 'done') return upkeep;
      if (upkeep.state === 'failed') {
        const { code, message } = upkeep.error ?? { code: 'INTERNAL', message: 'no reason given' };
        throw new Complaint(`\`${what}\` failed: ${message}`, { code });
      }
      showSlowest(progress, projections);
      await pause(pollMs);
    }
  } finally {
    progress.end();
  }
}

const notes = { loading: null, indexing: 'making indexes', waiting: 'changing over' };
const phases = Object.keys(notes);

/** Of those that change together, the one that the others wait for. */
function showSlowest(progress: Progress, projections: readonly ProjectionView[]): void {
  const [slowest] = projections
    .flatMap(({ rebuild }) => (rebuild === null ? [] : [rebuild]))
    .sort(
      (a, b) =>
        phases.indexOf(a.phase) - phases.indexOf(b.phase) ||
        a.position * b.head - b.position * a.head,
    );
  if (slowest === undefined) return;
  const { phase, position, head, eventsPerSecond, secondsLeft } = slowest;
  const rate = { perSecond: eventsPerSecond, unit: 'events' };
  const note = notes[phase];
  const facts = note === null ? { rate, secondsLeft } : { note };
  progress.show({ done: position, total: head, ...facts });
}
