/** The commands about the log as a whole: its history, and copies of it. */
import type { Command } from 'commander';
import { gather, orComplain, position } from './command.ts';

interface TailFlags {
  readonly category: string[];
  readonly type: string[];
  readonly tenant?: string;
  readonly entity?: string;
  readonly after?: number;
  readonly follow: boolean;
  readonly dataDir?: string;
  readonly json?: true;
}

interface RehearseFlags {
  readonly tenant?: string;
  readonly kind?: string;
  readonly dataDir?: string;
  readonly json?: true;
}

export function addHistoryCommands(program: Command): void {
  program
    .command('tail')
    .description('Show the log, live.')
    .option('--category <name>', 'streams of this category: entity, relationship …', gather, [])
    .option('--type <name>', 'events of this type: EntityCreated …', gather, [])
    .option('--tenant <id>', 'events of this tenant')
    .option('--entity <id>', "an entity's events, and those of its relationships")
    .option('--after <position>', 'from here on; 0 for the start (default: its end)', position)
    .option('--no-follow', 'end at the end of the log')
    .option('--data-dir <path>', "the node's DATA_DIR")
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Reads the log's file itself, beside a running node or without one, on the machine where the file is.

  $ cognisync tail --type EntityDeleted --type RelationshipRemoved
  $ cognisync tail --after 0 --no-follow --json | jq .type | sort | uniq -c`,
    )
    .action(async (options: TailFlags) => {
      const { tail } = await import('./tail.ts');
      const { category: categories, type: types, follow: isFollowing, json, ...rest } = options;
      await orComplain(options, () =>
        tail({ ...rest, categories, types, isFollowing, isJson: json === true }),
      );
    });

  program
    .command('rehearse')
    .description('Decide all history once more with this code; exits with 1 where it differs.')
    .option('--tenant <id>', 'actors of this tenant')
    .option('--kind <name>', 'actors of this kind: entity, relationship')
    .option('--data-dir <path>', "the node's DATA_DIR")
    .option('--json', 'one JSON object a line: differences, then a summary')
    .addHelpText(
      'after',
      `
Before a changed state machine is deployed: it shows, actor by actor, which messages of the past it would
decide otherwise, refuse, or could not read, and where a stored state is another than its events lead to.
Reads the log's file itself, beside a running node or from a copy, and writes nothing. Messages that
changed nothing left no events, and are not rehearsed.

  $ cognisync rehearse --data-dir /backup/cognisync
  $ cognisync rehearse --kind entity --json | jq 'select(.kind == "decision")'`,
    )
    .action(async (options: RehearseFlags) => {
      const { rehearse } = await import('./rehearse.ts');
      await orComplain(options, async () => {
        const { json, ...rest } = options;
        if (!(await rehearse({ ...rest, isJson: json === true }))) process.exitCode = 1;
      });
    });
}
