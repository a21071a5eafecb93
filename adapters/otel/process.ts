/** The process itself: how late its event loop is, its heap, when it began, and what it is. */
import { uptime, versions } from 'node:process';
import { getHeapStatistics } from 'node:v8';
import type { Clock, Limits } from '#runtime';
import type { Observer } from './meter.ts';
import { metrics } from './metric.ts';
import type { Metrics } from './metrics.ts';

interface ProcessOptions {
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'eventLoopLookMs'>;
  /** Of CogniSync. */
  readonly version: string;
}

/** Has the metrics of this process among those that are scraped. Answers what ends looking at it. */
export function observeProcess(
  { meter }: Metrics,
  { clock, limits, version }: ProcessOptions,
): () => void {
  const startedSeconds = clock.now() / 1_000 - uptime();
  const standing: Observer = async () => [
    [metrics.heapUsed, getHeapStatistics().used_heap_size],
    [metrics.startTime, startedSeconds],
    [metrics.buildInfo, 1, version, versions.node],
  ];
  meter.observe(standing);

  const delay = meter.histogram(metrics.eventLoopDelay).of();
  let dueMs = clock.now() + limits.eventLoopLookMs;
  const looking = setInterval(() => {
    const nowMs = clock.now();
    delay.record((nowMs - dueMs) / 1_000);
    dueMs = nowMs + limits.eventLoopLookMs;
  }, limits.eventLoopLookMs).unref();
  return () => clearInterval(looking);
}
