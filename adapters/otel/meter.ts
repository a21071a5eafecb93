/**
 * All series of a process, as the SDK's readers and exporters take them.
 *
 *     happenings ─▶ tallies, histograms ─╮
 *     the node ──asked now──▶ readings ──┴─▶ collect ─┬─▶ /metrics
 *                                                     ╰─▶ OTLP
 */
import { type HrTime, ValueType } from '@opentelemetry/api';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type Histogram as Distribution,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { Clock } from '#runtime';
import type { Metric } from './metric.ts';
import { attributesOf, Histogram, type Point, Tally } from './series.ts';

/** What something stands at now. */
export type Reading = readonly [metric: Metric, value: number, ...labels: readonly string[]];

/** Asked at each scrape. Answers in bounded time and never rejects. */
export type Observer = () => Promise<readonly Reading[]>;

const scope = { name: 'cognisync' };

export class Meter implements MetricProducer {
  readonly #clock: Clock;
  readonly #startTime: HrTime;
  readonly #tallies: Tally[] = [];
  readonly #histograms: Histogram[] = [];
  readonly #observers: Observer[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startTime = timeOf(clock.now());
  }

  tally(metric: Metric): Tally {
    const tally = new Tally(metric);
    this.#tallies.push(tally);
    return tally;
  }

  histogram(metric: Metric): Histogram {
    const histogram = new Histogram(metric);
    this.#histograms.push(histogram);
    return histogram;
  }

  observe(observer: Observer): void {
    this.#observers.push(observer);
  }

  async collect(): Promise<CollectionResult> {
    const readings = (await Promise.all(this.#observers.map((observer) => observer()))).flat();
    const endTime = timeOf(this.#clock.now());
    const dated = <Value>(points: readonly Point<Value>[]): DataPoint<Value>[] =>
      points.map((point) => ({ ...point, startTime: this.#startTime, endTime }));
    const metrics = [
      ...this.#tallies.map((tally) => sumOf(tally.metric, dated(tally.points()))),
      ...this.#histograms.map((one) => distributionOf(one.metric, dated(one.points()))),
      ...grouped(readings).map(([metric, points]) => sumOf(metric, dated(points))),
    ].filter(({ dataPoints }) => dataPoints.length > 0);
    const scopeMetrics = [{ scope, metrics }];
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
  }
}

function grouped(readings: readonly Reading[]): readonly (readonly [Metric, Point<number>[]])[] {
  const groups = new Map<Metric, Point<number>[]>();
  for (const [metric, value, ...labels] of readings) {
    const points = groups.get(metric) ?? [];
    groups.set(metric, points);
    points.push({ attributes: attributesOf(metric, labels), value });
  }
  return [...groups];
}

function sumOf(metric: Metric, dataPoints: DataPoint<number>[]): MetricData {
  return metric.kind === 'gauge'
    ? { ...described(metric), dataPointType: DataPointType.GAUGE, dataPoints }
    : { ...described(metric), dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
}

function distributionOf(metric: Metric, dataPoints: DataPoint<Distribution>[]): MetricData {
  return { ...described(metric), dataPointType: DataPointType.HISTOGRAM, dataPoints };
}

function described({ name, description, unit }: Metric) {
  return {
    descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
}

/** Seconds and nanoseconds. */
function timeOf(ms: number): HrTime {
  return [Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1e6)];
}
