/**
 * Fastify as this adapter uses it: one typebox schema per part of a route gives the run-time check, the
 * types of the handler, and its entry in /docs.
 */
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyTypeProvider,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import Type, { type Static, type TSchema } from 'typebox';
import { type ErrorCode, limits } from '#runtime';
import { Problem, problemMediaType } from './problem.ts';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export interface Typebox extends FastifyTypeProvider {
  readonly validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  readonly serializer: this['schema'] extends TSchema
    ? DeepReadonly<Static<this['schema']>>
    : unknown;
}

export type Http = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  Typebox
>;

const refusal = (description: string) => ({
  description,
  content: { [problemMediaType]: { schema: Problem } },
});

/** The `default` problem beside a route's answers. */
export const refusals = {
  '4xx': refusal('The request is refused; `code` says why.'),
  '5xx': refusal('It can not be answered now; `Retry-After` says when to try again.'),
} as const;

declare module 'fastify' {
  interface FastifyRequest {
    /** As who is on record, once that is known. */
    who: string | null;
    /** The code of its problem, once it is refused. */
    refusal: ErrorCode | null;
  }
}

/** A list's one form. `next` is the cursor of the next page, null on the last. */
export function pageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'Give it as `cursor` for the next page; null on the last.',
    }),
  });
}

/** What every paged list takes. */
export const paging = {
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 4096, description: '`next` of the page before.' }),
  ),
  limit: Type.Integer({
    minimum: 1,
    maximum: limits.pageItemsMax,
    default: limits.pageItemsDefault,
    description: 'Most items of this page.',
  }),
};

/** A query string: parameters that nobody knows are refused, they are misspelt ones. */
export function queryOf<Properties extends Record<string, TSchema>>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false });
}
