/** W3C trace context, level 1: version, trace, span and flags in one line of text. */
const shape = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/** The text itself where it names a span, whoever sent it; undefined for all else. */
export function traceparentIn(text: unknown): string | undefined {
  return typeof text === 'string' && shape.test(text) ? text : undefined;
}
