/**
 * A Prometheus of a test's own: a real process on a free port, with our rules, scraping what the test names.
 *
 * Where it is not installed, suites name what they did not run: `describe.runIf(hasPrometheus)`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './redis.ts';
import { ask } from './served.ts';
import { until } from './until.ts';

/** Whether there are prometheus and promtool; asked once a test file. */
export const hasPrometheus = isInstalled();

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [seconds: number, value: string];
}

export interface Prometheus {
  readonly url: string;
  /** What a query gives now. Throws what Prometheus says where it is none. */
  query(expression: string): Promise<readonly Series[]>;
  close(): Promise<void>;
}

/** Starts one that scrapes `targets` (host:port) as the job cognisync, and has the rules of a file. */
export async function openPrometheus(
  targets: readonly string[],
  rulesFile: string,
): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'cognisync-prometheus-'));
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [rulesFile],
    scrape_configs: [{ job_name: 'cognisync', static_configs: [{ targets }] }],
  };
  const file = join(folder, 'prometheus.yml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config));
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  // A test that fails before it closes leaves nothing running.
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  const url = `http://127.0.0.1:${port}`;
  await until('Prometheus is ready', () => {
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`);
    return ask(url, '/-/ready').then(
      ({ status }) => status === 200,
      () => false,
    );
  });
  return {
    url,
    query: async (expression) => {
      const { body } = await ask(url, `/api/v1/query?query=${encodeURIComponent(expression)}`);
      if (body.status !== 'success') throw new Error(`${body.error} in ${expression}`);
      return body.data.result;
    },
    close: async () => {
      if (child.exitCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await rm(folder, { recursive: true });
    },
  };
}

function isInstalled(): boolean {
  const isThere = ['prometheus', 'promtool'].every(
    (name) => spawnSync(name, ['--version']).status === 0,
  );
  if (!isThere) console.log('NOT RUN on Prometheus: prometheus and promtool are not installed');
  return isThere;
}
