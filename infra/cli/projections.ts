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

/** Asks for a rebuild, or for the generation that an earlier one kept, and waits for its end. */
export async function renew(
  client: Client,
  name: string,
  asked: { readonly kind: 'rebuild'; readonly body: object } | { readonly kind: 'switch' },
  output: Output,
): Promise<void> {
  const { startedAt, endedAt } = await completed(client, name, asked, output);
  const seconds = (Date.parse(endedAt ?? startedAt) - Date.parse(startedAt)) / 1_000;
  const projection = (await projectionsOf(client)).find((one) => one.name === name);
  if (output.isJson) return printJson({ name, seconds, position: projection?.position ?? null });
  const done = asked.kind === 'rebuild' ? 'is rebuilt' : 'has switched back, with all';
  await printLine(`${name} ${done} up to ${countOf(projection?.position ?? 0)} in ${seconds} s`);
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
  const { verification } = await completed(client, name, { kind: 'verify' }, output);
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
  name: string,
  { kind, body }: { readonly kind: UpkeepView['kind']; readonly body?: object },
  { isJson }: Output,
): Promise<UpkeepView> {
  const path = `/projections/${encodeURIComponent(name)}/${kind}`;
  const { id } = await client.post<UpkeepView>(path, body);
  const progress = new Progress(`${kind} ${name}`, { isShown: !isJson });
  try {
    for (;;) {
      const projection = (await projectionsOf(client)).find((one) => one.name === name);
      const upkeep = projection?.upkeep;
      if (upkeep?.id !== id) {
        throw new Complaint(`the ${kind} of ${name} was lost: the node started anew meanwhile`, {
          hint: 'Begin it again: a rebuild goes on where it was. The rows that were live still are.',
        });
      }
      if (upkeep.state === 'done') return upkeep;
      if (upkeep.state === 'failed') {
        const { code, message } = upkeep.error ?? { code: 'INTERNAL', message: 'no reason given' };
        throw new Complaint(`the ${kind} of ${name} failed: ${message}`, { code });
      }
      if (projection?.rebuild) {
        const { phase, position, head, eventsPerSecond, secondsLeft } = projection.rebuild;
        const rate = { perSecond: eventsPerSecond, unit: 'events' };
        const facts = phase === 'loading' ? { rate, secondsLeft } : { note: 'making indexes' };
        progress.show({ done: position, total: head, ...facts });
      }
      await pause(pollMs);
    }
  } finally {
    progress.end();
  }
}
