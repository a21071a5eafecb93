/** entity: one entity with what it is linked to, as a small tree; now, or as of then. */
import type { EntityView, NeighbourView } from '#adapters/http';
import type { Client } from './client.ts';
import { Complaint } from './complaint.ts';
import { printJson, printLine } from './output.ts';
import { lineOf } from './text.ts';

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** More are counted on the last line. */
const neighboursShown = 100;

export interface EntityOptions {
  readonly isJson: boolean;
  /** As the node's `asOf` parameter takes it. */
  readonly asOf?: string | undefined;
}

export async function showEntity(
  client: Client,
  id: string,
  { isJson, asOf }: EntityOptions,
): Promise<void> {
  const entity = await entityNamed(client, id, asOf);
  // All of one answer: the moment by its position, which is the same however time goes on.
  const moment = entity.asOf === undefined ? {} : { asOf: `position:${entity.asOf.position}` };
  const query = new URLSearchParams({ limit: String(neighboursShown), ...moment });
  const neighbours = await client.get<Page<NeighbourView>>(
    `${pathOf(entity.id)}/neighbours?${query}`,
  );
  if (isJson) return printJson({ entity, neighbours });
  const more = neighbours.next === null ? [] : ['… and more'];
  const branches = [...neighbours.items.map(branchFor), ...more];
  const lines = [
    `${entity.type} ${titleOf(entity)}`,
    `  ${entity.id}`,
    ...(entity.asOf === undefined ? [] : [`  as of position ${entity.asOf.position}`]),
    ...(entity.source.url === '' ? [] : [`  ${entity.source.url}`]),
    ...Object.entries(entity.properties).map(([name, value]) => `  ${name}: ${shown(value)}`),
    ...branches.map((branch, at) => `${at === branches.length - 1 ? '└─' : '├─'} ${branch}`),
  ];
  await printLine(lines.join('\n'));
}

/**
 * The entity with this id, or with this key today, since people know keys; where that is no one entity,
 * a complaint that names some that were perhaps meant.
 */
export async function entityNamed(client: Client, id: string, asOf?: string): Promise<EntityView> {
  const then = asOf === undefined ? '' : `?${new URLSearchParams({ asOf })}`;
  const exactly = (exact: string) => client.get<EntityView>(`${pathOf(exact)}${then}`);
  try {
    return await exactly(id);
  } catch (thrown) {
    if (!(thrown instanceof Complaint) || thrown.code !== 'NOT_FOUND') throw thrown;
    const query = new URLSearchParams({ q: id.slice(0, 200), limit: '5' });
    const { items } = await client.get<Page<{ entity: EntityView }>>(`/search?${query}`);
    const named = items.filter(({ entity }) => entity.properties.key === id);
    if (named.length === 1) return exactly(named[0]!.entity.id);
    if (items.length === 0) throw thrown;
    const lines = items.map(({ entity }) => `  ${entity.id}  ${titleOf(entity)}`);
    throw new Complaint(thrown.message, {
      code: thrown.code,
      hint: `Did you mean one of these?\n${lines.join('\n')}`,
    });
  }
}

function pathOf(id: string): string {
  return `/entities/${encodeURIComponent(id)}`;
}

function branchFor({ direction, relationship, entity }: NeighbourView): string {
  const { role } = relationship.properties;
  const kind = typeof role === 'string' ? `${relationship.type} (${role})` : relationship.type;
  const arrow = direction === 'out' ? '→' : '←';
  return `${kind} ${arrow} ${entity.type} ${titleOf(entity)}  [${entity.id}]`;
}

function titleOf({ id, properties }: EntityView): string {
  const { key, name, text, title } = properties;
  const parts = [key, title ?? name ?? text].filter((part) => typeof part === 'string');
  return lineOf(parts.length === 0 ? id : parts.join(' '), 70);
}

function shown(value: unknown): string {
  return lineOf(typeof value === 'string' ? value : JSON.stringify(value), 100);
}
