/** What the looks of doctor at services share. */
import { systemClock, systemIds } from '#adapters/system';
import { errorCatalogue, type RuntimeError, toRuntimeError } from '#runtime';
import type { Config } from '../config.ts';
import type { Environment } from '../reading.ts';
import { type Finding, ill } from './finding.ts';

export interface Looking {
  readonly config: Config;
  readonly environment: Environment;
  readonly answerMs: number;
}

/** Of one service: never rejects, and finds nothing where it is not named. */
export type Look = (looking: Looking) => Promise<readonly Finding[]>;

export const around = { clock: systemClock, ids: systemIds };
export const untold = { record: () => undefined };

/** That a service that is named by a variable can't be used, with the advice for its code. */
export function failed(
  name: string,
  variable: string,
  thrown: unknown,
  advice: Readonly<Partial<Record<RuntimeError['code'], string>>>,
): Finding {
  const { code, message } = toRuntimeError(thrown);
  const words = `of ${variable} can't be used: ${message}`;
  return ill(name, words, advice[code] ?? errorCatalogue[code].hint);
}

export function messageOf(thrown: unknown): string {
  return toRuntimeError(thrown).message;
}
