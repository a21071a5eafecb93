/** The tool on the log: how an entity came to be what it is, also where it is deleted. */
import Type from 'typebox';
import { limits, RuntimeError, streamOf } from '#runtime';
import { entityId, inputOf, pageLimit } from './input.ts';
import { tool } from './tool.ts';

interface Happened {
  readonly revision: number;
  readonly position: number;
  readonly type: string;
  readonly recordedAt: string;
  readonly messageId: string;
  readonly data: unknown;
}

interface Events {
  readonly items: readonly Happened[];
  /** Revision of the next event; null where these are the last. */
  readonly next: number | null;
}

export const history = tool({
  name: 'history',
  title: 'What happened to an entity',
  description:
    'The events of one entity, oldest first: when it came to be, what changed when, by which message; ' +
    'also of an entity that is deleted.',
  input: inputOf({
    id: entityId('The entity, as `search` names it.'),
    from: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'The first revision to show; `next` of the answer before. Absent: 0.',
      }),
    ),
    limit: pageLimit,
  }),
  ask: async (
    { id, from = 0, limit = limits.mcpItemsDefault },
    { knowledge, tenantId },
  ): Promise<Events> => {
    const stream = streamOf({ tenantId, kind: 'entity', id });
    const events = await knowledge.log.readStream(stream, { from, limit: limit + 1 });
    if (events.length === 0 && from === 0) {
      throw new RuntimeError('NOT_FOUND', `nothing ever happened to an entity '${id}'`);
    }
    const items = events
      .slice(0, limit)
      .map(({ revision, position, type, data, metadata: { messageId, recordedAt } }) => ({
        revision,
        position,
        type,
        recordedAt,
        messageId,
        data,
      }));
    return { items, next: events[limit]?.revision ?? null };
  },
  tell: ({ items, next }) => {
    const lines = items.map(
      ({ revision, position, type, recordedAt, data }) =>
        `${revision}. ${recordedAt} ${type} (position ${position}) ${JSON.stringify(data)}`,
    );
    if (lines.length === 0) return 'Nothing more happened to it.';
    return [...lines, ...(next === null ? [] : [`There are more: from ${next}`])].join('\n');
  },
});
