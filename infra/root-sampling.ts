/**
 * Decides whether a trace is recorded before OpenTelemetry's SDK is asked to begin it, which costs some µs
 * and at a low ratio ends with nothing nearly always.
 *
 * The decision is the sampler's own, by the id that the trace will have: the SDK, which names traces with this,
 * is given that id and comes to the same decision.
 */
import { ROOT_CONTEXT } from '@opentelemetry/api';
import {
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  SamplingDecision,
  type TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import type { Roots } from '#adapters/otel';
import { LinkedSampler } from './linked-sampler.ts';

export class RootSampling implements IdGenerator, Roots {
  /** The SDK's, beside this as its `idGenerator`. */
  readonly sampler: Sampler;
  readonly #ids = new RandomIdGenerator();
  readonly #ratio: TraceIdRatioBasedSampler;
  /** The id of a trace that is to be recorded, until the SDK takes it. */
  #decided: string | undefined;

  constructor(ratio: TraceIdRatioBasedSampler) {
    this.#ratio = ratio;
    this.sampler = new ParentBasedSampler({ root: new LinkedSampler(ratio) });
  }

  unrecorded(): string | undefined {
    const traceId = this.#ids.generateTraceId();
    const { decision } = this.#ratio.shouldSample(ROOT_CONTEXT, traceId);
    if (decision === SamplingDecision.NOT_RECORD) {
      return `00-${traceId}-${this.#ids.generateSpanId()}-00`;
    }
    this.#decided = traceId;
    return undefined;
  }

  generateTraceId(): string {
    const traceId = this.#decided ?? this.#ids.generateTraceId();
    this.#decided = undefined;
    return traceId;
  }

  generateSpanId(): string {
    return this.#ids.generateSpanId();
  }
}
