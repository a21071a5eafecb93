/** Tools on the graph: one entity, what it is linked to, and how two are connected. */
import Type from 'typebox';
import { RelationshipType } from '#actors';
import { asOfCharsMax, asOfFrom, type Entity } from '#projections';
import { limits } from '#runtime';
import {
  type Brief,
  briefOf,
  lineOf,
  oneLine,
  type RelationshipBrief,
  relationshipBriefOf,
} from './brief.ts';
import { cursor, entityId, inputOf, pageLimit } from './input.ts';
import { tool } from './tool.ts';

const asOf = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: asOfCharsMax,
    description:
      'As it was then: `revision:N` of the entity, `position:N` of the log, or a time in ISO 8601 ' +
      'with a zone. Absent: now.',
  }),
);

export const entity = tool({
  name: 'entity',
  title: 'One entity',
  description:
    'Everything known of one person, document, project or issue: its properties, its text, where it ' +
    'is from; now, or as it was at a time in the past.',
  input: inputOf({ id: entityId('The entity, as `search` names it.'), asOf }),
  ask: async ({ id, asOf }, { knowledge, tenantId }): Promise<Entity> =>
    asOf === undefined
      ? knowledge.cached.entity(tenantId, id)
      : knowledge.history.entity(tenantId, id, asOfFrom(asOf)),
  tell: (entity) =>
    [
      lineOf(briefOf(entity)),
      `updated ${entity.updatedAt}, confidence ${entity.confidence}, importance ${entity.importance}`,
      ...propertyLines(entity),
    ].join('\n'),
});

interface Neighbours {
  readonly items: readonly {
    readonly direction: 'out' | 'in';
    readonly relationship: RelationshipBrief;
    readonly entity: Brief;
  }[];
  readonly next: string | null;
}

export const neighbours = tool({
  name: 'neighbours',
  title: 'What an entity is linked to',
  description:
    'The entities that one entity is linked to, and how: who wrote it, who works on it, what it ' +
    'depends on, what else is about it; now, or as it was at a time in the past.',
  input: inputOf({
    id: entityId('The entity, as `search` names it.'),
    type: Type.Optional(RelationshipType),
    direction: Type.Optional(
      Type.Enum(['out', 'in', 'both'], {
        description: '`out`: the entity is the relationship’s source. Absent: both.',
      }),
    ),
    asOf,
    limit: pageLimit,
    cursor,
  }),
  ask: async ({ id, asOf, ...asked }, { knowledge, tenantId }): Promise<Neighbours> => {
    const wanted = { direction: 'both', limit: limits.mcpItemsDefault, ...asked } as const;
    const { items, ...page } =
      asOf === undefined
        ? await knowledge.cached.neighbours(tenantId, id, wanted)
        : await knowledge.history.neighbours(tenantId, id, asOfFrom(asOf), wanted);
    return {
      items: items.map(({ direction, relationship, entity }) => ({
        direction,
        relationship: relationshipBriefOf(relationship),
        entity: briefOf(entity),
      })),
      ...page,
    };
  },
  tell: ({ items, next }) => {
    const lines = items.map(
      ({ direction, relationship, entity }) =>
        `${direction === 'out' ? '→' : '←'} ${linkOf(relationship)} ${lineOf(entity)}`,
    );
    if (lines.length === 0) return 'It is linked to nothing.';
    return [...lines, ...(next === null ? [] : [`There are more: cursor ${next}`])].join('\n');
  },
});

interface Connection {
  readonly path: {
    readonly length: number;
    readonly nodes: readonly Brief[];
    readonly edges: readonly RelationshipBrief[];
  } | null;
}

export const path = tool({
  name: 'path',
  title: 'How two entities are connected',
  description:
    'A shortest chain of links between two entities, whatever the direction of the links.',
  input: inputOf({
    from: entityId('One end, as `search` names it.'),
    to: entityId('The other.'),
  }),
  ask: async ({ from, to }, { knowledge, tenantId }): Promise<Connection> => {
    const found = await knowledge.graph.path(tenantId, from, to);
    if (found === null) return { path: null };
    const { length, nodes, edges } = found;
    return {
      path: { length, nodes: nodes.map(briefOf), edges: edges.map(relationshipBriefOf) },
    };
  },
  tell: ({ path }) => {
    if (path === null) return `They are not connected within ${limits.pathLengthMax} links.`;
    const lines = path.nodes.flatMap((node, at) => {
      const edge = path.edges[at];
      if (edge === undefined) return [lineOf(node)];
      return [
        lineOf(node),
        edge.sourceId === node.id ? `  ${linkOf(edge)} →` : `  ← ${linkOf(edge)}`,
      ];
    });
    return lines.join('\n');
  },
});

/** `DEPENDS_ON`, with the role where there is one: `RELATED_TO (blocks)`. */
function linkOf({ type, properties: { role } }: RelationshipBrief): string {
  return typeof role === 'string' ? `${type} (${oneLine(role)})` : type;
}

/** A text of several lines is JSON here, so that it can't pass for further properties. */
function propertyLines({ properties }: Entity): readonly string[] {
  return Object.entries(properties).map(([name, value]) => {
    const isPlain = typeof value === 'string' && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value);
    return `${oneLine(name)}: ${isPlain ? value : JSON.stringify(value)}`;
  });
}
