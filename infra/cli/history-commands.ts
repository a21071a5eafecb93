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

export function addHistoryCommands(program: Command): void {
  program
    .command('tail')
    .description('Show the log, live.')
    .option('--category <name>', 'streams of this category: entity, relationship …', gather, [])
    .option('--type <name>', 'events of this type: EntityCreated …', gather, [])
    .option('--tenant <id>', 'events of this tenant')
    .option('--entity <id>', "an entity's events, and those of its relationships")
    .option('--after <position>', 'from here on; 0 for the start (default: the last few)', position)
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
}
