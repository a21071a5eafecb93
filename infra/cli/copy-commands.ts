/** The commands that copy the log, or parts of it: to keep it, to move it, to hand it on. */
import type { Command } from 'commander';
import type { Doing } from './audited.ts';
import { gather, orComplain, position } from './command.ts';

interface CopyFlags {
  readonly dataDir?: string;
  readonly json?: true;
}

interface RestoreFlags extends CopyFlags {
  readonly force?: true;
  readonly rebuild?: true;
}

interface ReplayFlags extends CopyFlags {
  readonly from?: number;
  readonly to?: number;
  readonly tenant: string[];
  readonly type: string[];
  readonly category: string[];
  readonly into: string;
  readonly file?: string;
  readonly dryRun?: true;
}

interface FollowFlags {
  readonly from?: string;
  readonly into: string;
  readonly json?: true;
}

export function addCopyCommands(program: Command): void {
  copying(program, 'backup')
    .description('Copy the embedded log while it is in use, and check the copy.')
    .argument('<file>', 'the backup; must not be there yet')
    .addHelpText(
      'after',
      `
A running node is not held up. Everything acknowledged before is in it. The file appears when it has been
read back from end to end; it is a log itself, sealed with the digest of its history.

  $ cognisync backup /backup/cognisync-$(date +%F).sqlite
  $ cognisync verify --backup /backup/cognisync-2026-11-24.sqlite`,
    )
    .action(async (file: string, { dataDir, ...options }: CopyFlags) => {
      const { backUp } = await import('./backup.ts');
      const isJson = options.json === true;
      await orComplain(options, () => backUp(file, { isJson, ...(dataDir && { dataDir }) }));
    });

  copying(program, 'restore')
    .description('Put a backup in the place of the log. Stop the node first.')
    .argument('<file>', 'a backup')
    .option('--force', 'even if the log that is there has events that the backup lacks')
    .option('--rebuild', 'remove the embedded read models; the node builds them anew')
    .addHelpText(
      'after',
      `
The backup is checked before anything is touched, and the log that was there is kept beside it.

  $ cognisync restore /backup/cognisync-2026-11-24.sqlite --force --rebuild && npm start`,
    )
    .action(async (file: string, { dataDir, ...options }: RestoreFlags) => {
      const { restoreBackup } = await import('./restore.ts');
      await onRecord(options, { action: 'restore', target: file, dataDir }, () =>
        restoreBackup(file, {
          isJson: options.json === true,
          isForced: options.force === true,
          isRebuilding: options.rebuild === true,
          ...(dataDir && { dataDir }),
        }),
      );
    });

  copying(program, 'export')
    .description('Write the whole log as text, one event a line.')
    .requiredOption('--file <path>', 'must not be there yet')
    .addHelpText(
      'after',
      `
The first line says what it is, the last one how many events there are, with their digest; a file without
it was cut off.

  $ cognisync export --file history.ndjson
  $ cognisync import history.ndjson --data-dir /var/lib/other`,
    )
    .action(async ({ file, dataDir, ...options }: CopyFlags & { file: string }) => {
      const { exportHistory } = await import('./export.ts');
      const isJson = options.json === true;
      await orComplain(options, () => exportHistory({ file, isJson, ...(dataDir && { dataDir }) }));
    });

  copying(program, 'import')
    .description('Fill an empty log from an export.')
    .argument('<file>', 'made by `cognisync export`')
    .option('--into <url>', 'a KurrentDB, in place of the data folder')
    .addHelpText(
      'after',
      `
Ids, order, revisions and metadata stay; positions may become others. The file is read whole before anything
is written, and an embedded log appears when all of it is there. What was cut off goes on when run again.`,
    )
    .action(async (file: string, { json, ...rest }: CopyFlags & { into?: string }) => {
      const { importHistory } = await import('./import.ts');
      const isJson = json === true;
      const doing = {
        action: 'import',
        target: `${file} into ${rest.into ? 'KurrentDB' : 'the log'}`,
      };
      await onRecord({ ...(json && { json }) }, { ...doing, dataDir: rest.dataDir }, () =>
        importHistory({ file, isJson, ...rest }),
      );
    });

  copying(program, 'replay')
    .description('Hand a part of history on once more.')
    .requiredOption('--into <target>', '`ndjson`, `bus`, `log:PATH` or `log:kurrentdb://…`')
    .option('--from <position>', 'the first, inclusive', position)
    .option('--to <position>', 'the last, inclusive (default: the end as it is now)', position)
    .option('--tenant <id>', 'events of this tenant', gather, [])
    .option('--category <name>', 'streams of this category: entity, relationship …', gather, [])
    .option('--type <name>', 'events of this type: EntityCreated …', gather, [])
    .option('--file <path>', 'for ndjson: a file that is not there yet (default: stdout)')
    .option('--dry-run', 'count them by tenant and type, and send nothing')
    .addHelpText(
      'after',
      `
ndjson: as they stand, one a line. bus: to SERVICE_BUS_OUTBOUND_TOPIC_NAME, as the node told them; other
services see them again, with the same ids to know them by. log: into another log, each at its own
revision, so that what is there already stays once; whole streams from their beginning.

  $ cognisync replay --into bus --tenant acme --from 1200 --dry-run
  $ cognisync replay --into ndjson --type EntityDeleted | jq .stream
  $ cognisync replay --into log:acme.sqlite --tenant acme`,
    )
    .action(async (flags: ReplayFlags) => {
      const { replay } = await import('./replay.ts');
      const { tenant: tenants, type: types, category: categories, dryRun, json, ...rest } = flags;
      const isDryRun = dryRun === true;
      const work = () =>
        replay({ ...rest, tenants, types, categories, isDryRun, isJson: json === true });
      if (isDryRun || rest.into === 'ndjson') return orComplain(flags, work);
      const doing = { action: 'replay', target: `into ${shown(rest.into)}`, dataDir: rest.dataDir };
      await onRecord(flags, doing, work);
    });

  program
    .command('follow')
    .description('Copy one log into another, and what comes, until Ctrl-C.')
    .option(
      '--from <log>',
      "a log's file, its folder, or kurrentdb://… (default: the log of this environment)",
    )
    .requiredOption('--into <log>', 'likewise; made where there is none')
    .option('--json', 'one JSON object a line: position, head, lag, and whether all is well')
    .addHelpText(
      'after',
      `
Order, ids, revisions and metadata stay. It goes on where the copy ends, after whatever crash, and copies
nothing twice. Let no node run on the copy, and nobody else write to it: it would be a copy no more, and
following ends with COPY_DIVERGED. To take over, stop following first, then start a node there.

  $ cognisync follow --into /mnt/standby/log.sqlite`,
    )
    .action(async ({ json, ...rest }: FollowFlags) => {
      const { followLog } = await import('./follow.ts');
      await onRecord(
        { ...(json && { json }) },
        { action: 'follow', target: `into ${shown(rest.into)}` },
        () => followLog({ ...rest, isJson: json === true }),
      );
    });
}

/** A command that works on the log's file, beside its node. */
function copying(parent: Command, name: string): Command {
  return parent
    .command(name)
    .option('--data-dir <path>', "the node's DATA_DIR")
    .option('--json', 'answer in JSON, for programs');
}

/** Runs what writes to somebody's data, when it is on record that it begins. */
async function onRecord(
  options: Pick<CopyFlags, 'json'>,
  doing: Doing,
  work: () => Promise<void>,
): Promise<void> {
  const { audited } = await import('./audited.ts');
  await orComplain(options, () => audited(doing, work));
}

/** A place without what may be a password. */
function shown(place: string): string {
  return place.replace(/(:\/\/)[^/]*@/, '$1');
}
