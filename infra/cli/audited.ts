/** What the command line does to data without a node is on record as what operators do through one. */
import { userInfo } from 'node:os';
import { SqliteAudit } from '#adapters/sqlite';
import { systemClock } from '#adapters/system';
import { AuditTrail } from '#runtime';
import { readDataDir } from '../config.ts';
import { auditFileIn, makeDataDir } from '../data-folder.ts';

export interface Doing {
  /** Such as `restore`. */
  readonly action: string;
  readonly target: string;
  /** Default: that of this environment. */
  readonly dataDir?: string | undefined;
}

/** Works when the record says that it began. Rejects as `work` does, or with AUDIT_UNAVAILABLE before. */
export async function audited<T>(
  { action, target, dataDir = readDataDir() }: Doing,
  work: () => Promise<T>,
): Promise<T> {
  makeDataDir(dataDir);
  const log = new SqliteAudit(auditFileIn(dataDir));
  const unwritten: Error[] = [];
  const trail = new AuditTrail({
    log,
    clock: systemClock,
    telemetry: {
      record: (happening) => {
        if (happening.name === 'background-failed') unwritten.push(happening.error);
      },
    },
  });
  const act = { kind: 'admin', who: `cli:${userName()}`, action, target } as const;
  try {
    await trail.begin(act);
    try {
      const result = await work();
      trail.end(act, { outcome: 'done' });
      return result;
    } catch (thrown) {
      const { code } = thrown as { readonly code?: unknown };
      trail.end(act, { outcome: 'failed', ...(typeof code === 'string' && { code }) });
      throw thrown;
    }
  } finally {
    await trail.close();
    log.close();
    for (const { message } of unwritten) process.stderr.write(`cognisync: ${message}\n`);
  }
}

/** In a container it may be one that has a number and no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}
