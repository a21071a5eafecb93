/**
 * The dead letters of a tenant: what could not be handled, why, and what to do with it. Those whose
 * tenant can't be read belong to nobody and are asked for by `unreadable`.
 *
 * A list shows no bodies (200 × 8 MiB would not fit into a node's memory); one letter shows all.
 */
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { type DeadLetter, type DeadLetters, limits, RuntimeError } from '#runtime';
import type { Gate } from './gate.ts';
import { type Http, pageOf, paging, queryOf, refusals } from './http.ts';
import { TenantHeader, tenantOf } from './tenant.ts';

const Summary = Type.Object({
  id: Type.String(),
  tenantId: Type.Union([Type.String(), Type.Null()]),
  messageId: Type.String(),
  reason: Type.Object({ code: Type.String(), detail: Type.String() }),
  deadLetteredAt: Type.String(),
  bodyChars: Type.Integer(),
});

const Letter = Type.Object({
  ...Summary.properties,
  body: Type.String({ description: 'As it came.' }),
  encoding: Type.Enum(['utf8', 'base64']),
});

export type DeadLetterSummary = Type.Static<typeof Summary>;
export type DeadLetterView = Type.Static<typeof Letter>;

const unreadable = Type.Boolean({
  default: false,
  description: 'Those whose tenant can not be read, instead of the tenant’s.',
});

const Choice = Type.Object(
  {
    ids: Type.Optional(
      Type.Array(Type.String(), {
        maxItems: limits.deadLettersPageMax,
        description: 'Absent: all that are there now.',
      }),
    ),
    unreadable,
  },
  { additionalProperties: false },
);

/** Letters whose bodies are in memory at a time, to make a page of summaries. */
const readAtATime = 10;

export function deadLetterRoutes(app: Http, gate: Gate): void {
  const common = { tags: ['dead letters'], headers: TenantHeader };
  const letters = (): DeadLetters => gate.backend.bus.deadLetters;

  app.get(
    '/dead-letters',
    {
      schema: {
        ...common,
        summary: 'List them, oldest first',
        querystring: queryOf({ ...paging, unreadable }),
        response: { 200: pageOf(Summary), ...refusals },
      },
    },
    async (request) => {
      const { cursor, limit } = request.query;
      const tenantId = shelfOf(request, request.query.unreadable);
      const items = await summaries(letters(), { tenantId, after: cursor, limit: limit + 1 });
      const page = items.slice(0, limit);
      return { items: page, next: items.length > limit ? (page.at(-1)?.id ?? null) : null };
    },
  );

  app.get(
    '/dead-letters/:id',
    {
      schema: {
        ...common,
        summary: 'One with its body',
        params: Type.Object({ id: Type.String() }),
        querystring: queryOf({ unreadable }),
        response: { 200: Letter, ...refusals },
      },
    },
    async (request) => {
      const { id } = request.params;
      const tenantId = shelfOf(request, request.query.unreadable);
      const letter = await letters().get({ tenantId, id });
      if (letter === null) throw new RuntimeError('NOT_FOUND', `no dead letter '${id}'`);
      const { body, encoding } = letter;
      return { ...summaryOf(letter), body, encoding };
    },
  );

  app.post(
    '/dead-letters/redrive',
    {
      schema: {
        ...common,
        summary: 'Publish them again; those that fail again stay',
        body: Choice,
        response: { 200: Type.Object({ redriven: Type.Integer() }), ...refusals },
      },
    },
    async (request) => ({ redriven: await letters().redrive(chosen(request, request.body)) }),
  );

  app.post(
    '/dead-letters/purge',
    {
      schema: {
        ...common,
        summary: 'Forget them',
        body: Choice,
        response: { 200: Type.Object({ purged: Type.Integer() }), ...refusals },
      },
    },
    async (request) => ({ purged: await letters().purge(chosen(request, request.body)) }),
  );
}

function shelfOf(request: FastifyRequest, isUnreadable: boolean): string | null {
  const tenantId = tenantOf(request);
  return isUnreadable ? null : tenantId;
}

function chosen(request: FastifyRequest, { ids, unreadable }: Type.Static<typeof Choice>) {
  return { tenantId: shelfOf(request, unreadable), ...(ids !== undefined && { ids }) };
}

async function summaries(
  letters: DeadLetters,
  options: { tenantId: string | null; after: string | undefined; limit: number },
): Promise<readonly DeadLetterSummary[]> {
  const { tenantId, limit } = options;
  const found: DeadLetterSummary[] = [];
  let after = options.after;
  for (;;) {
    const few = Math.min(readAtATime, limit - found.length);
    const page = await letters.peek({
      tenantId,
      limit: few,
      ...(after !== undefined && { after }),
    });
    found.push(...page.map(summaryOf));
    after = page.at(-1)?.id;
    if (page.length < few || found.length >= limit) return found;
  }
}

function summaryOf({ id, tenantId, messageId, reason, deadLetteredAt, body }: DeadLetter) {
  return { id, tenantId, messageId, reason, deadLetteredAt, bodyChars: body.length };
}
