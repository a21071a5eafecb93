/** OpenTelemetry's SDK in this process, which keeps the spans of each test. */
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  type IdGenerator,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeAll } from 'vitest';

export interface KeptSpans {
  /** In the order in which they ended. */
  all(): readonly ReadableSpan[];
  named(name: string): ReadableSpan | undefined;
}

/** For the tests of a file. Without a sampler whatever has no parent that is not recorded, is. */
export function keepSpans(
  options: { readonly sampler?: Sampler; readonly idGenerator?: IdGenerator } = {},
): KeptSpans {
  const exporter = new InMemorySpanExporter();
  const sdk = new NodeSDK({
    ...options,
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    metricReaders: [],
    logRecordProcessors: [],
    autoDetectResources: false,
  });
  beforeAll(() => sdk.start());
  afterAll(() => sdk.shutdown());
  afterEach(() => exporter.reset());
  return {
    all: () => exporter.getFinishedSpans(),
    named: (name) => exporter.getFinishedSpans().find((span) => span.name === name),
  };
}

/** The context of a recorded span; digits that are told apart at a glance. */
export function contextOf(trace: string, span = 'a'): string {
  return `00-${trace.repeat(32)}-${span.repeat(16)}-01`;
}
