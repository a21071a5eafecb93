/** projections, rebuild, verify: where the projections stand, and their upkeep. */
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
  const rows = items.map(({ name, status, position, lag, eventsPerSecond, error }) => [
    name,
    status,
    countOf(position),
    countOf(lag),
    `${countOf(eventsPerSecond)}/s`,
    error === null ? '' : `${error.code}: ${error.message}`,
  ]);
  await printLine(tableOf(['NAME', 'STATUS', 'POSITION', 'LAG', 'RATE', ''], rows, [2, 3, 4]));
}

export async function rebuild(client: Client, name: string, output: Output): Promise<void> {
  const { startedAt, endedAt } = await completed(client, name, 'rebuild', output);
  const seconds = (Date.parse(endedAt ?? startedAt) - Date.parse(startedAt)) / 1_000;
  const projection = (await projectionsOf(client)).find((one) => one.name === name);
  if (output.isJson) return printJson({ name, seconds, position: projection?.position ?? null });
  await printLine(`${name} is rebuilt up to ${countOf(projection?.position ?? 0)} in ${seconds} s`);
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
  const { verification } = await completed(client, name, 'verify', output);
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
  kind: 'rebuild' | 'verify',
  { isJson }: Output,
): Promise<UpkeepView> {
  const path = `/projections/${encodeURIComponent(name)}/${kind}`;
  const { id } = await client.post<UpkeepView>(path);
  const progress = new Progress(`${kind} ${name}`, { isShown: !isJson });
  try {
    for (;;) {
      const projection = (await projectionsOf(client)).find((one) => one.name === name);
      const upkeep = projection?.upkeep;
      if (upkeep?.id !== id) {
        throw new Complaint(`the ${kind} of ${name} was lost: the node started anew meanwhile`, {
          hint: 'Begin it again; the rows that were live still are.',
        });
      }
      if (upkeep.state === 'done') return upkeep;
      if (upkeep.state === 'failed') {
        const { code, message } = upkeep.error ?? { code: 'INTERNAL', message: 'no reason given' };
        throw new Complaint(`the ${kind} of ${name} failed: ${message}`, { code });
      }
      if (projection?.rebuild) {
        const { position, head, eventsPerSecond, secondsLeft } = projection.rebuild;
        const rate = { perSecond: eventsPerSecond, unit: 'events' };
        progress.show({ done: position, total: head, rate, secondsLeft });
      }
      await pause(pollMs);
    }
  } finally {
    progress.end();
  }
}
