/** Dashboards and alerts against what nodes really have: a Prometheus scrapes two of them. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { goldenMetrics, seldomTold } from '#test/golden-metrics';
import { createEntity } from '#test/messages';
import { type RunningNode, startNode } from '#test/process';
import { hasPrometheus, openPrometheus, type Prometheus } from '#test/prometheus';
import { freePort, hasRedis, openRedis, type RedisServer } from '#test/redis';
import { ask, settled, temporaryFolder } from '#test/served';
import { until } from '#test/until';

const deploy = join(import.meta.dirname, '..', '..', 'infra', 'deploy');
const read = (path: string) => readFileSync(join(deploy, path), 'utf8');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook', string>>;
}
interface RuleTest {
  readonly promql_expr_test: readonly { readonly expr: string; readonly exp_samples: unknown[] }[];
}
interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly datasource: { readonly uid: string };
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

const alerts: readonly Alert[] = parse(read('prometheus/rules.yml')).groups.flatMap(
  ({ rules }: { rules: readonly Alert[] }) => rules,
);
const dashboards: readonly Dashboard[] = readdirSync(join(deploy, 'grafana/dashboards')).map(
  (name) => JSON.parse(read(`grafana/dashboards/${name}`)),
);
const queries = dashboards.flatMap(({ panels, uid }) =>
  panels.flatMap(({ targets, title }) =>
    targets.map(({ expr }) => ({ name: `${uid}: ${title}`, expr })),
  ),
);
const expressions = [...queries, ...alerts.map(({ alert, expr }) => ({ name: alert, expr }))];

/** Names of series that a node may have, each with its labels. */
const known = new Map<string, readonly string[]>([
  ['up', []],
  ...goldenMetrics.flatMap(({ labels, name, type }): [string, readonly string[]][] =>
    type === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((end) => [name + end, [...labels, 'le']])
      : [[name, labels]],
  ),
]);

/** What stands where a metric's name may: no function, no label, no word of the language. */
function metricsIn(expr: string): readonly string[] {
  const bare = expr
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replaceAll(/\b(by|on|without|ignoring)\s*\([^)]*\)/g, '');
  const words = /\b(and|or|unless|offset|bool|\d\w*)\b|\b[a-z_]+\s*\(/g;
  return [...bare.replaceAll(words, ' ').matchAll(/[a-zA-Z_:][\w:]*/g)].map(([name]) => name);
}

/** Labels that are asked for or grouped by. */
function labelsIn(expr: string): readonly string[] {
  const grouped = [...expr.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((one) => one.trim()),
  );
  return [...grouped, ...[...expr.matchAll(/(\w+)=~?"/g)].map(([, label = '']) => label)];
}

describe('alerts and dashboards', () => {
  it.each(expressions)('know the metrics and labels that they ask for: $name', ({ expr }) => {
    const metrics = metricsIn(expr);
    expect(metrics.length).toBeGreaterThan(0);
    expect(metrics.filter((name) => !known.has(name))).toEqual([]);
    const labels = ['job', 'instance', ...metrics.flatMap((name) => known.get(name) ?? [])];
    expect(labelsIn(expr).filter((label) => !labels.includes(label))).toEqual([]);
  });

  it('leave no metric out', () => {
    const asked = new Set(expressions.flatMap(({ expr }) => metricsIn(expr)));
    const unseen = goldenMetrics.filter(({ name }) =>
      ['', '_bucket', '_sum', '_count'].every((end) => !asked.has(name + end)),
    );
    expect(unseen.map(({ name }) => name)).toEqual([]);
  });
});

describe('an alert', () => {
  it.each(alerts)('says what, why and what to do: $alert', ({ alert, annotations, labels }) => {
    expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook', 'summary']);
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations.runbook).toBe(`infra/deploy/RUNBOOK.md#${alert.toLowerCase()}`);
    expect(read('RUNBOOK.md')).toContain(`\n## ${alert}\n`);
  });

  it('has tests in which it fires and in which it does not', () => {
    const { tests } = parse(read('prometheus/rules.test.yml')) as { tests: readonly RuleTest[] };
    const claims = tests.flatMap(({ promql_expr_test }) =>
      promql_expr_test.map(({ exp_samples, expr }) => {
        const [, alert] = /^count\(ALERTS\{alertname="(\w+)",alertstate="firing"\}\)$/.exec(expr)!;
        return `${alert} ${exp_samples.length > 0 ? 'fires' : 'is quiet'}`;
      }),
    );
    const wanted = alerts.flatMap(({ alert }) => [`${alert} fires`, `${alert} is quiet`]);
    expect([...new Set(claims)].sort()).toEqual([...wanted].sort());
  });
});

describe('a dashboard', () => {
  it('has an address of its own, takes its data source from a variable, and numbers its panels', () => {
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(6);
    for (const { panels, schemaVersion } of dashboards) {
      expect(schemaVersion).toBeGreaterThanOrEqual(39);
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      expect(new Set(panels.map(({ datasource }) => datasource.uid))).toEqual(
        // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's
        new Set(['${datasource}']),
      );
    }
  });
});

describe.runIf(hasPrometheus)('promtool', () => {
  it.each([
    ['check', 'config', 'prometheus.yml'],
    ['check', 'rules', 'rules.yml'],
    ['test', 'rules', 'rules.test.yml'],
  ])('is content: %s %s %s', (...args) => {
    const { status, stderr, stdout } = spawnSync('promtool', args, {
      cwd: join(deploy, 'prometheus'),
      encoding: 'utf8',
    });
    expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
  });
});

/** What these nodes have no reason to show: none of them is rebuilt, either. */
const untold = [...seldomTold, 'cognisync_rebuild_progress_ratio'];

describe.runIf(hasPrometheus && hasRedis)('a Prometheus that scrapes two nodes', () => {
  let redis: RedisServer;
  let prometheus: Prometheus;
  const nodes: RunningNode[] = [];
  const folders: string[] = [];
  const work = async (node: RunningNode, prefix: string) => {
    await redis.client.xadd(`{${prefix}:bus}:intake`, '*', 'body', 'no JSON');
    for (const at of [1, 2, 3]) {
      const command = createEntity({ messageId: `${prefix}-${at}`, id: `issue-${at}` });
      await ask(node.url, '/commands', { body: command });
    }
    await settled(node.url);
    for (const id of ['issue-1', 'issue-none']) {
      await ask(node.url, `/entities/${id}`, { tenant: 'acme' });
    }
  };

  beforeAll(async () => {
    redis = await openRedis();
    const places = [
      { prefix: 'one', port: await freePort() },
      { prefix: 'two', port: await freePort() },
    ];
    const watch = async () => {
      const targets = places.map(({ port }) => `127.0.0.1:${port}`);
      prometheus = await openPrometheus(targets, join(deploy, 'prometheus/rules.yml'));
    };
    // It begins to scrape 5 s after its start, so it starts along with them.
    await Promise.all([
      watch(),
      ...places.map(async ({ port, prefix }) => {
        const folder = await temporaryFolder();
        folders.push(folder);
        const node = await startNode({
          DATA_DIR: folder,
          PORT: String(port),
          REDIS_URL: redis.url,
          REDIS_CHANNEL_PREFIX: prefix,
          MESSAGE_BUS: 'redis',
        });
        nodes.push(node);
        await work(node, prefix);
      }),
    ]);
  });
  afterAll(async () => {
    await prometheus?.close();
    for (const { child, ended } of nodes) {
      child.kill();
      await ended;
    }
    await redis?.close();
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
  });

  it('sees both', async () => {
    await until('both are up', async () => {
      const up = await prometheus.query('up{job="cognisync"} == 1');
      return up.length === 2;
    });
    const instances = (await prometheus.query('cognisync_build_info')).map(
      ({ metric }) => metric.instance,
    );
    expect(instances.sort()).toEqual(nodes.map(({ url }) => new URL(url).host).sort());
  });

  it('answers every query of every dashboard, with data where there is something to tell', async () => {
    const expected = queries.filter(({ expr }) =>
      metricsIn(expr).every((name) => !untold.includes(name.replace(/_(bucket|sum|count)$/, ''))),
    );
    expect(expected.length).toBeGreaterThan(50);
    const unanswered = async () => {
      const names = await Promise.all(
        queries.map(async (query) => {
          const expr = query.expr
            .replaceAll('$instance', '.+')
            .replaceAll('$__rate_interval', '1m');
          const answer = await prometheus.query(expr);
          return answer.length > 0 || !expected.includes(query) ? [] : [query.name];
        }),
      );
      return names.flat();
    };
    await until('there is data', async () => (await unanswered()).length === 0, 20_000).catch(
      async () => expect(await unanswered()).toEqual([]),
    );
  });

  it('evaluates every alert, and none fires but for the dead letters that the test has sent', async () => {
    interface Rule {
      readonly name: string;
      readonly health: string;
      readonly state: string;
    }
    const firing = (rules: readonly Rule[]) =>
      rules.filter(({ state }) => state === 'firing').map(({ name }) => name);
    const seen = await until('all are evaluated, on what was scraped', async () => {
      const { body } = await ask(prometheus.url, '/api/v1/rules');
      const rules: readonly Rule[] = body.data.groups.flatMap(
        (group: { rules: readonly Rule[] }) => group.rules,
      );
      const isEvaluated = rules.every(({ health }) => health !== 'unknown');
      return isEvaluated && firing(rules).length > 0 ? rules : null;
    });
    expect(seen.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(seen.map(({ name }) => name).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
    expect(firing(seen)).toEqual(['CogniSyncDeadLettersGrowing']);
  });
});
