/** The metrics that dashboards and alerts of others may know, as `test/golden` has them. */
import { readFileSync } from 'node:fs';

export interface GoldenMetric {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly labels: readonly string[];
}

const list = new URL('../golden/metrics.ndjson', import.meta.url);

export const goldenMetrics: readonly GoldenMetric[] = readFileSync(list, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

/** What a node may have no reason to show: its bus counts no dead letters, no model is asked, nothing fails. */
export const seldomTold: readonly string[] = [
  'cognisync_dead_letters',
  'cognisync_embedding_calls_total',
  'cognisync_embedding_failed_documents',
  'cognisync_embedding_pending_documents',
  'cognisync_feed_ended_total',
  'cognisync_metric_reads_failed_total',
  'cognisync_projection_failures_total',
];
