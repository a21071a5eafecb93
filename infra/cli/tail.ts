/**
 * tail: the log as it grows, read from its file, so that it shows the truth whatever the node beside it
 * does, or while none runs.
 */
import type { EventFilter, Log, RecordedEvent } from '#runtime';
import { openLogBeside } from './log.ts';
import { printJson, printLine } from './output.ts';
import { stoppable } from './stoppable.ts';
import { lineOf } from './text.ts';

export interface TailOptions {
  readonly isJson: boolean;
  /** Goes on with what comes, until SIGINT; else ends at the end of the log. */
  readonly isFollowing: boolean;
  readonly categories: readonly string[];
  readonly types: readonly string[];
  readonly tenant?: string;
  readonly entity?: string;
  /** A position; absent: the end of the log. */
  readonly after?: number;
  readonly dataDir?: string;
}

export async function tail(options: TailOptions): Promise<void> {
  const { log } = await openLogBeside(options.dataDir);
  try {
    await stoppable((signal) => follow(log, options, signal));
  } finally {
    await log.close();
  }
}

async function follow(log: Log, options: TailOptions, signal: AbortSignal): Promise<void> {
  const { categories, types, isFollowing, isJson } = options;
  const filter: EventFilter = {
    ...(categories.length > 0 && { categories }),
    ...(types.length > 0 && { types }),
  };
  const after = options.after ?? (await log.head());
  for await (const { events, live } of log.subscribe({ after, filter, signal })) {
    for (const event of events) {
      if (!isWanted(event, options)) continue;
      await (isJson ? printJson(event) : printLine(lineFor(event)));
    }
    if (live && !isFollowing) return;
  }
}

/** A stream's name is `category-tenant/id`. */
function isWanted({ stream, data }: RecordedEvent, { tenant, entity }: TailOptions): boolean {
  const [, streamTenant, id] = /^[^-]*-([^/]*)(?:\/(.*))?$/s.exec(stream) ?? [];
  if (tenant !== undefined && tenant !== streamTenant) return false;
  return entity === undefined || entity === id || endsOf(data).includes(entity);
}

/** The entities that a relationship's event speaks of. */
function endsOf(data: unknown): readonly unknown[] {
  const { head, entityId } = (data ?? {}) as {
    head?: { sourceEntityId?: unknown; targetEntityId?: unknown } | null;
    entityId?: unknown;
  };
  return [head?.sourceEntityId, head?.targetEntityId, entityId];
}

function lineFor({ position, metadata, type, stream, revision, data }: RecordedEvent): string {
  const head = `${String(position).padStart(8)}  ${metadata.recordedAt.slice(0, 23)}  `;
  const width = Math.max(40, (process.stdout.columns ?? 160) - head.length);
  return head + lineOf(`${type.padEnd(21)}  ${stream}@${revision}  ${JSON.stringify(data)}`, width);
}
