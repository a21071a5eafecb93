/**
 * Spans through OpenTelemetry's API; the provider that is registered samples and sends them.
 *
 *     no causes given     child of what runs now
 *     causes of one trace child of the first, linked to the others
 *     of several          begins a trace of its own, linked to all
 *
 * T1: a span that failed has the code of its error and no text of it, which may hold what is a user's.
 * T2: one trace is recorded whole or not at all; only recorded spans are told their own context, so what
 * is stored with events is never the context of a span that nobody will find. Work that is not recorded runs
 * in the context that it was called in, for contexts of its own are most of what it would cost.
 */
import {
  type Attributes,
  type Context,
  context,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import {
  limits,
  type SpanStart,
  type TracedWork,
  type Tracer,
  toRuntimeError,
  traceparentIn,
} from '#runtime';
import type { MessagingPlace } from './metrics.ts';
import { attributeNames, semantic } from './names.ts';

const kinds: Readonly<Record<SpanStart['kind'], SpanKind>> = {
  internal: SpanKind.INTERNAL,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  client: SpanKind.CLIENT,
};

/** What is done to messages, and its type; such spans say on which bus, and on its topic unless told another. */
const operations: ReadonlyMap<string, string> = new Map([
  ['send', 'send'],
  ['process', 'process'],
  ['complete', 'settle'],
  ['abandon', 'settle'],
  ['dead_letter', 'settle'],
]);

/** Who decides of traces that begin here, more cheaply than the provider would. */
export interface Roots {
  /**
   * Begins a trace. Answers its context as text where it is not recorded; undefined where it is, and then the
   * provider's next trace, to be begun at once, is this one.
   */
  unrecorded(): string | undefined;
}

export class OtelTracer implements Tracer {
  readonly #tracer = trace.getTracer('cognisync');
  readonly #messaging: MessagingPlace;
  readonly #roots: Roots | undefined;

  /** `roots`: absent: the provider is asked for each. */
  constructor(messaging: MessagingPlace, roots?: Roots) {
    this.#messaging = messaging;
    this.#roots = roots;
  }

  get isRecording(): boolean {
    const above = trace.getSpanContext(context.active());
    return above !== undefined && isRecorded(above);
  }

  span<T>(start: SpanStart, work: TracedWork<T>): Promise<T> {
    const unrecordedCause = unrecordedIn(start.causes);
    if (unrecordedCause !== undefined) return work(undefined, unrecordedCause);
    const { above, around, links } = placeOf(start.causes);
    if (above !== undefined && !isRecorded(above)) return work(undefined, textOf(above));
    if (above === undefined && links.length === 0) {
      const unrecorded = this.#roots?.unrecorded();
      if (unrecorded !== undefined) return work(undefined, unrecorded);
    }
    const parent = above === undefined ? around : trace.setSpanContext(around, above);
    const options = { kind: kinds[start.kind], links };
    const span = this.#tracer.startSpan(this.#nameOf(start), options, parent);
    const own = textOf(span.spanContext());
    if (!span.isRecording()) return work(undefined, own);
    span.setAttributes(this.#attributesOf(start));
    const ended = (thrown?: unknown) => {
      if (thrown !== undefined) {
        const { code } = toRuntimeError(thrown);
        span.setAttribute(semantic.errorType, code);
        span.setStatus({ code: SpanStatusCode.ERROR, message: code });
      }
      span.end();
    };
    let working: Promise<T>;
    try {
      working = context.with(trace.setSpan(parent, span), work, undefined, own, own);
    } catch (thrown) {
      ended(thrown);
      throw thrown;
    }
    return working.then(
      (value) => {
        ended();
        return value;
      },
      (thrown) => {
        ended(thrown);
        throw thrown;
      },
    );
  }

  #nameOf({ name, attributes }: SpanStart): string {
    if (!operations.has(name)) return name;
    return `${name} ${attributes?.destination ?? this.#messaging.destination}`;
  }

  #attributesOf({ name, attributes }: SpanStart): Attributes {
    const named: Attributes = {};
    for (const [ours, value] of Object.entries(attributes ?? {})) {
      if (value !== undefined) named[attributeNames[ours] ?? `cognisync.${ours}`] = value;
    }
    const operationType = operations.get(name);
    if (operationType !== undefined) {
      named[semantic.system] = this.#messaging.system;
      named[semantic.destination] ??= this.#messaging.destination;
      named[semantic.operationName] = name;
      named[semantic.operationType] = operationType;
    }
    return named;
  }
}

/** Where a span stands: below what, and linked to what. */
interface Place {
  readonly above: SpanContext | undefined;
  readonly around: Context;
  readonly links: Link[];
}

function placeOf(causes: SpanStart['causes']): Place {
  if (causes === undefined) {
    const around = context.active();
    return { above: trace.getSpanContext(around), around, links: [] };
  }
  const found =
    causes.length === 1
      ? spanContextIn(causes[0])
      : [...new Set(causes)].flatMap(spanContextIn).slice(0, limits.spanLinksMax);
  const [first, ...others] = found;
  if (first === undefined) return { above: undefined, around: ROOT_CONTEXT, links: [] };
  const isOne = others.every(({ traceId }) => traceId === first.traceId);
  const linked = isOne ? others : found;
  return {
    above: isOne ? first : undefined,
    around: ROOT_CONTEXT,
    links: linked.map((one) => ({ context: one })),
  };
}

/** The one cause, where it is that and is not recorded: nearly every span at a low ratio, so it is told first. */
function unrecordedIn(causes: SpanStart['causes']): string | undefined {
  if (causes?.length !== 1) return undefined;
  const text = traceparentIn(causes[0]);
  return text?.startsWith('00-') && text.endsWith('-00') ? text : undefined;
}

function isRecorded({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

/** None where the text names no span: it may be anybody's. */
function spanContextIn(text: string | undefined): readonly SpanContext[] {
  const found = traceparentIn(text);
  if (found === undefined) return [];
  // Each part has its place: version, trace, span, flags.
  const traceFlags = Number.parseInt(found.slice(53), 16) & TraceFlags.SAMPLED;
  const [traceId, spanId] = [found.slice(3, 35), found.slice(36, 52)];
  return [{ traceId, spanId, traceFlags, isRemote: true }];
}

function textOf(spanContext: SpanContext): string {
  const { traceId, spanId } = spanContext;
  return `00-${traceId}-${spanId}-${isRecorded(spanContext) ? '01' : '00'}`;
}
