/**
 * `npm run bench -- NAME…` runs benchmarks and prints their figures; `--json` prints one JSON object
 * last: { name, results, machine, versions }. Figures are of this machine and this moment; only ratios
 * travel.
 */
import { parseArgs } from 'node:util';
import { activate } from './activate.ts';
import { asof } from './asof.ts';
import { bus } from './bus.ts';
import { contract } from './contract.ts';
import { ingest } from './ingest.ts';
import { notify } from './notify.ts';
import { rebuild } from './rebuild.ts';
import { replay } from './replay.ts';
import { type Benchmark, machine, table, versions } from './report.ts';
import { retrieval } from './retrieval.ts';
import { telemetry } from './telemetry.ts';
import { vectors } from './vectors.ts';

const benchmarks: Readonly<Record<string, Benchmark>> = {
  contract,
  ingest,
  activate,
  asof,
  notify,
  replay,
  rebuild,
  bus,
  telemetry,
  retrieval,
  vectors,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
});
const names = positionals.length > 0 ? positionals : Object.keys(benchmarks);
const unknown = names.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  console.error(
    `no benchmark ${unknown.join(', ')}; there are: ${Object.keys(benchmarks).join(', ')}`,
  );
  process.exit(2);
}

const say = (line: string) => process.stderr.write(`${line}\n`);
for (const name of names) {
  say(`\n${name}`);
  const results = await benchmarks[name]!(say);
  say(table(results));
  if (values.json) {
    console.log(JSON.stringify({ name, results, machine: machine(), versions: versions() }));
  }
}
const { cpu, cores, memoryGiB } = machine();
say(`\n${cpu}, ${cores} cores, ${memoryGiB} GiB; ${JSON.stringify(versions())}`);
