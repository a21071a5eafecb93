/**
 * The parts that all message contracts share. Unknown extra fields are tolerated, as a producer may
 * be newer than we are; what we know is checked exactly.
 */

import Type, { type TSchema } from 'typebox';
import { limits, tenantPattern } from '#runtime';

/** No control characters: they break logs, keys and PostgreSQL text. */
const printable = '^[^\\u0000-\\u001f\\u007f]+$';

export const id = (description: string) =>
  Type.String({ minLength: 1, maxLength: limits.idCharsMax, pattern: printable, description });

/** ISO 8601 with a zone. That it is a real date is checked after the shape. */
export const instant = (description: string) =>
  Type.String({
    pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,9})?)?(Z|[+-]\\d\\d:?\\d\\d)$',
    maxLength: 40,
    description,
  });

export const confidence = Type.Enum(['LOW', 'MEDIUM', 'HIGH'], {
  description: 'How sure the extractor is.',
});

export const properties = Type.Record(Type.String(), Type.Unknown(), {
  maxProperties: limits.propertiesMax,
  description: 'Any JSON by name. A null says: known to be empty.',
});

/** A message contract: the specification's envelope around a payload. */
export function command<const Name extends string, Payload extends TSchema>(
  messageType: Name,
  payload: Payload,
) {
  return Type.Object(
    {
      messageType: Type.Literal(messageType),
      messageId: id('Unique for this message; a repeat with the same id has no effect.'),
      timestamp: instant('When the producer sent it.'),
      tenantId: Type.String({ pattern: tenantPattern, description: 'Whose data this is.' }),
      payload,
      schemaVersion: Type.Optional(Type.Integer({ minimum: 1, description: 'Default 1.' })),
      correlationId: Type.Optional(id('What this message belongs to, over all hops.')),
      causationId: Type.Optional(id('What caused this message.')),
      traceparent: Type.Optional(
        Type.String({ maxLength: 128, description: 'W3C trace context.' }),
      ),
    },
    { title: messageType },
  );
}
