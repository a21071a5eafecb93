/** What a benchmark prints: for people a table, for programs one JSON object at the end. */
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

export interface Result {
  readonly label: string;
  readonly unit: string;
  readonly value: number;
  /** This result over the one that it is compared with; its label says which. */
  readonly ratio?: number;
}

export type Benchmark = (say: (line: string) => void) => Promise<readonly Result[]>;

export function machine() {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
  };
}

export function versions() {
  const lock = JSON.parse(
    readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'),
  ) as { packages: Record<string, { version: string }> };
  const of = (name: string) => lock.packages[`node_modules/${name}`]?.version ?? 'none';
  return {
    node: process.versions.node,
    sqlite: process.versions.sqlite ?? 'none',
    pglite: of('@electric-sql/pglite'),
    xstate: of('xstate'),
    typebox: of('typebox'),
  };
}

/** The value below which `share` (0 to 1) of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function table(results: readonly Result[]): string {
  const rows = results.map(({ label, unit, value, ratio }) => [
    label,
    `${format(value)} ${unit}`,
    ratio === undefined ? '' : `ratio ${ratio.toFixed(2)}`,
  ]);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(([label, value, ratio]) =>
      `${label!.padEnd(widths[0]!)}  ${value!.padStart(widths[1]!)}  ${ratio}`.trimEnd(),
    )
    .join('\n');
}

function format(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 3;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}
