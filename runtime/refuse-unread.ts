/** What the bus itself refuses, before the dispatcher has seen it. */
import type { RuntimeError } from './errors.ts';
import type { Delivery } from './ports/bus.ts';
import type { SpanStart, Telemetry } from './ports/telemetry.ts';

/**
 * Makes a message a dead letter and tells of it, within the trace that it came with where there is one.
 * Rejects where it could not be kept; nothing is told then.
 */
export function refuseUnread(
  delivery: Delivery,
  { code, message: detail }: RuntimeError,
  telemetry: Telemetry,
): Promise<void> {
  const { messageId, traceparent } = delivery.message;
  const bury = async () => {
    await delivery.deadLetter({ code, detail });
    telemetry.record({ name: 'message-dead-lettered', messageId, code });
  };
  if (telemetry.tracer === undefined || traceparent === undefined) return bury();
  const attributes = { messageId, refusedFor: code };
  const causes = [traceparent];
  const start: SpanStart = { name: 'dead_letter', kind: 'client', causes, attributes };
  return telemetry.tracer.span(start, bury);
}
