/**
 * What the commands of the command line share: their common options, and how one is run and complains.
 */
import { type Command, InvalidArgumentError } from 'commander';
import type { Client } from './client.ts';
import { complain } from './complaint.ts';

/** Options of a command that asks a node. */
export interface Common {
  readonly json?: true;
  readonly url?: string;
  readonly tenant?: string;
}

/** Adds a command that asks a node. */
export function remote(parent: Command, name: string): Command {
  return parent
    .command(name)
    .option('--url <url>', 'where the node is (default: HOST and PORT of this environment)')
    .option('--tenant <id>', 'whose data (default: default)')
    .option('--json', 'answer in JSON, for programs');
}

export function isJson({ json }: Pick<Common, 'json'>): boolean {
  return json === true;
}

/** Runs a command that asks a node. */
export async function run(
  options: Common,
  work: (client: Client) => Promise<unknown>,
): Promise<void> {
  await orComplain(options, async () => {
    const { Client } = await import('./client.ts');
    await work(new Client(options));
  });
}

/** Runs a command; one that fails says why, and the process ends with 1. */
export async function orComplain(
  options: Pick<Common, 'json'>,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    complain(thrown, isJson(options));
    process.exitCode = 1;
  }
}

/** Reads a whole number. */
export function position(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

/** Collects an option that may be given several times. */
export function gather(value: string, before: string[]): string[] {
  return [...before, value];
}
