/** What the tools' inputs have in common. */
import Type, { type TSchema } from 'typebox';
import { limits } from '#runtime';

/** Arguments of a tool; one that it does not know is refused, it is a misspelt one. */
export function inputOf<Properties extends Record<string, TSchema>>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false });
}

export function entityId(description: string) {
  return Type.String({ minLength: 1, maxLength: limits.idCharsMax, description });
}

export const pageLimit = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: limits.mcpItemsMax,
    description: `Most items of the answer. Absent: ${limits.mcpItemsDefault}.`,
  }),
);

export const cursor = Type.Optional(
  Type.String({ minLength: 1, maxLength: 4096, description: '`next` of the answer before.' }),
);
