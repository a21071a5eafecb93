/**
 * Records what is linked to a recorded span; of all else it does what another sampler says.
 *
 * A batch of events of several traces begins its own. Sampled like any trace, one in a hundred of these
 * would be there to be found by the links of one in a hundred.
 */
import {
  type Attributes,
  type Context,
  type Link,
  type SpanKind,
  TraceFlags,
} from '@opentelemetry/api';
import { type Sampler, SamplingDecision, type SamplingResult } from '@opentelemetry/sdk-trace';

export class LinkedSampler implements Sampler {
  readonly #other: Sampler;

  constructor(other: Sampler) {
    this.#other = other;
  }

  shouldSample(
    parent: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    const isLinked = links.some(({ context }) => (context.traceFlags & TraceFlags.SAMPLED) !== 0);
    if (isLinked) return { decision: SamplingDecision.RECORD_AND_SAMPLED };
    return this.#other.shouldSample(parent, traceId, name, kind, attributes, links);
  }

  toString(): string {
    return `LinkedSampler{${this.#other}}`;
  }
}
