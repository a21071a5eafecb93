/** Spans of work on what is traced already. */
import type { SpanStart, Tracer } from './ports/telemetry.ts';

/** Of an event: the context in which it was decided. */
interface Caused {
  readonly metadata: { readonly traceparent?: string };
}

/** Work on events: as a span where one of them is traced, else as it is. */
export function traced<T>(
  tracer: Tracer | undefined,
  start: Pick<SpanStart, 'name' | 'kind'>,
  events: readonly Caused[],
  work: () => Promise<T>,
): Promise<T> {
  if (tracer === undefined) return work();
  const causes = events.map(({ metadata }) => metadata.traceparent).filter(isThere);
  if (causes.length === 0) return work();
  return tracer.span({ ...start, causes, attributes: { events: events.length } }, work);
}

/** Work that is part of other work: as a span where that is a recorded one, else as it is. */
export function tracedPart<T>(
  tracer: Tracer | undefined,
  start: SpanStart,
  work: () => Promise<T>,
): Promise<T> {
  return tracer?.isRecording ? tracer.span(start, work) : work();
}

function isThere(cause: string | undefined): boolean {
  return cause !== undefined;
}
