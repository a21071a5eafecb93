/**
 * The context for an answer: what was found, as compact text in which everything has a number to cite.
 *
 *     [1] ISSUE OPS-1 Login fails (In Progress; https://…)
 *     The login service waits for the database.
 *     [2] Comment: It began after the upgrade.
 *     [3] OPS-1 Login fails —ASSIGNED_TO→ Bob
 *     [4] Comment on OPS-1 Login fails —AUTHORED_BY→ Ann
 *
 * Pure. C1: never longer than asked. C2: cut between passages, never within; what is best stands first,
 * and what does not fit makes room for what does. C3: the marks in it are exactly the citations' numbers;
 * what looks like a mark in somebody's text is written in round brackets.
 */
import type { Relationship } from '../graph/answer.ts';
import type { Citation } from './answer.ts';
import { labelOf, lineOf } from './heading.ts';
import { commentsShown, type ShownHit } from './hit.ts';
import type { ShownPassage } from './passages.ts';

export interface ContextParts {
  /** Best first. */
  readonly hits: readonly ShownHit[];
  /** Among them and the comments that they are shown with. */
  readonly edges: readonly Relationship[];
  /** Whether an entity has text in the index; null where there is no index. */
  readonly isIndexed: ((id: string) => boolean) | null;
  readonly charsMax: number;
}

export interface Context {
  readonly context: string;
  readonly citations: readonly Citation[];
}

/** An entity's part of the context, as lines that may be taken or left. */
interface Block {
  readonly heading: Line;
  readonly passages: readonly Line[];
  readonly edges: readonly Line[];
}

/** What an edge can lead from or to. */
interface End {
  readonly id: string;
  readonly label: string;
  /** The hit that it is shown with: itself, or what a comment stands on. */
  readonly hitId: string;
}

/** With a citation: its mark goes in front. */
interface Line {
  readonly text: string;
  readonly citation: Omit<Citation, 'n'> | null;
}

/** Of one entity before the next one's text: enough for its people and its links, not for a hub's. */
const edgesFirstMax = 8;

export function contextOf(parts: ContextParts): Context {
  const blocks = blocksOf(parts);
  const taken = takenOf(blocks, parts.charsMax);
  const citations: Citation[] = [];
  const written = ({ text, citation }: Line) => {
    if (citation === null) return text;
    const n = citations.push({ n: citations.length + 1, ...citation });
    return `[${n}] ${text}`;
  };
  const paragraphs = blocks
    .filter(({ heading }) => taken.has(heading))
    .map(({ heading, passages, edges }) =>
      [heading, ...passages, ...edges]
        .filter((line) => taken.has(line))
        .map(written)
        .join('\n'),
    );
  return { context: paragraphs.join('\n\n'), citations };
}

function blocksOf({ hits, edges, isIndexed }: ContextParts): readonly Block[] {
  const ends = endsOf(hits);
  const owned = new Set<string>();
  return hits.map((hit) => {
    const { entity, passages } = hit;
    const [first, ...others] = passages;
    const isOwn = first?.entityId === entity.id;
    const own = edges.filter(
      ({ id, sourceId, targetId }) =>
        !owned.has(id) && [sourceId, targetId].some((end) => ends.get(end)?.hitId === entity.id),
    );
    for (const { id } of own) owned.add(id);
    return {
      heading: headingOf(hit, isOwn ? first : undefined),
      passages: [
        ...(isOwn ? [{ text: quotable(first.text), citation: null }] : []),
        ...(isOwn ? others : passages).map((passage) => passageOf(hit, passage)),
      ],
      edges: own.flatMap((edge) => edgeOf(edge, ends, isIndexed) ?? []),
    };
  });
}

function endsOf(hits: readonly ShownHit[]): ReadonlyMap<string, End> {
  const labels = new Map(hits.map(({ entity }) => [entity.id, labelOf(entity)]));
  const comments = [...commentsShown(hits)].map(([id, hitId]) => {
    return { id, hitId, label: `Comment on ${labels.get(hitId)!}` };
  });
  const own = [...labels].map(([id, label]) => ({ id, hitId: id, label }));
  return new Map([...comments, ...own].map((end) => [end.id, end]));
}

/** What fits, in the order of worth. */
function takenOf(blocks: readonly Block[], charsMax: number): ReadonlySet<Line> {
  const taken = new Set<Line>();
  let room = charsMax;
  const take = (line: Line) => {
    // A mark of at most five digits, and two line feeds.
    const chars = line.text.length + (line.citation === null ? 0 : 8) + 2;
    if (chars > room) return;
    room -= chars;
    taken.add(line);
  };
  for (const { heading, passages, edges } of blocks) {
    take(heading);
    if (!taken.has(heading)) continue;
    for (const line of [...passages.slice(0, 1), ...edges.slice(0, edgesFirstMax)]) take(line);
  }
  const left = blocks.filter(({ heading }) => taken.has(heading));
  for (const { passages } of left) for (const line of passages.slice(1)) take(line);
  for (const { edges } of left) for (const line of edges.slice(edgesFirstMax)) take(line);
  return taken;
}

function headingOf({ entity, title, url }: ShownHit, first: ShownPassage | undefined): Line {
  const { id, position, properties, type } = entity;
  const details = [lineOf(properties.status), url ?? ''].filter((one) => one !== '').join('; ');
  const text = `${type} ${labelOf(entity)}${details === '' ? '' : ` (${details})`}`;
  return {
    text: quotable(text),
    citation: {
      kind: 'text',
      entityId: id,
      title,
      url,
      chunkId: first?.chunkId ?? null,
      position: first?.position ?? position,
    },
  };
}

function passageOf({ entity, title, url }: ShownHit, passage: ShownPassage): Line {
  const { chunkId, entityId, position, text } = passage;
  const isComment = entityId !== entity.id;
  return {
    text: `${isComment ? 'Comment: ' : ''}${quotable(text)}`,
    citation: { kind: 'text', entityId, title, url, chunkId, position },
  };
}

/** Null where an end is not among them, and for what only ties a comment to the hit that it is shown with. */
function edgeOf(
  edge: Relationship,
  among: ReadonlyMap<string, End>,
  isIndexed: ContextParts['isIndexed'],
): Line | null {
  const source = among.get(edge.sourceId);
  const target = among.get(edge.targetId);
  if (source === undefined || target === undefined) return null;
  if (source !== target && source.hitId === target.hitId) return null;
  const ends = source === target ? [source] : [source, target];
  const unread = isIndexed === null ? [] : ends.filter(({ id }) => !isIndexed(id));
  const role = lineOf(edge.properties.subtype) || lineOf(edge.properties.role);
  const verb = role === '' ? edge.type : `${edge.type} (${role})`;
  const title = `${source.label} —${verb}→ ${target.label}`;
  const missing = unread.map((end) => `; no text of ${end.label} in the index`).join('');
  return {
    text: quotable(`${title}${missing}`),
    citation: {
      kind: 'edge',
      entityId: source.id,
      title,
      url: null,
      chunkId: null,
      position: edge.position,
      relationshipId: edge.id,
      ...(isIndexed !== null && { textMissing: unread.length > 0 }),
    },
  };
}

/** Somebody's text: without blank lines, which part entities, and without marks of its own. */
function quotable(text: string): string {
  return text
    .trim()
    .replace(/\s*\n\s*/gu, '\n')
    .replace(/\[(\d+)\]/gu, '($1)');
}
