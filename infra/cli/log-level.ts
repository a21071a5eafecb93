/** log-level: how much a node's log says, and a change of it. */
import { InvalidArgumentError } from 'commander';
import type { LogLevelView } from '#adapters/http';
import type { Client } from './client.ts';
import { printJson, printLine } from './output.ts';

interface Asked {
  readonly isJson: boolean;
  /** Undefined: it is shown as it is. */
  readonly level: string | undefined;
  readonly seconds: number | undefined;
}

export async function logLevel(client: Client, { isJson, level, seconds }: Asked): Promise<void> {
  const view = await (level === undefined
    ? client.get<LogLevelView>('/log-level')
    : client.post<LogLevelView>('/log-level', {
        level,
        ...(seconds !== undefined && { seconds }),
      }));
  if (isJson) return printJson(view);
  await printLine(view.until === null ? view.level : `${view.level} until ${view.until}`);
}

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** Reads `30s`, `10m` or `2h`, in seconds. */
export function duration(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return Number(count) * (secondsOf[unit] ?? 1);
  throw new InvalidArgumentError('Such as 30s, 10m or 2h.');
}
