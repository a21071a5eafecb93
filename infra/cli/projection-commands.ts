/** The commands about projections: where they stand, and their upkeep. */
import type { Command } from 'commander';
import { type Common, isJson, orComplain, position, remote, run } from './command.ts';

interface RebuildFlags extends Common {
  readonly rate?: number;
  readonly keep?: true;
}

export function addProjectionCommands(program: Command): void {
  remote(program, 'projections')
    .description('Show where the projections stand: position, lag, rate.')
    .action(async (options: Common) => {
      const { showProjections } = await import('./projections.ts');
      await run(options, (client) => showProjections(client, { isJson: isJson(options) }));
    });

  remote(program, 'rebuild')
    .description('Build projections anew from the log; readers see the old rows until it is done.')
    .argument('<names...>', 'such as graph; see `cognisync projections`')
    .option(
      '--rate <n>',
      'events a second at most, of all, to leave the machine to others',
      position,
    )
    .option('--keep', 'keep the rows that are replaced, for `cognisync switch`')
    .addHelpText(
      'after',
      `
Several are loaded side by side and change in one transaction: nobody reads the new rows of one with the
old ones of another. One that was cut off by a crash or a stop goes on where it was. Nothing is sent to
anybody by it: what followed from the log was told when it was written.

  $ cognisync rebuild graph
  $ cognisync rebuild graph embeddings
  $ cognisync rebuild graph --rate 5000 --keep`,
    )
    .action(async (names: string[], options: RebuildFlags) => {
      const { renew } = await import('./projections.ts');
      const { rate, keep = false } = options;
      const body = { keep, ...(rate !== undefined && { rate }) };
      await run(options, (client) =>
        renew(client, names, { kind: 'rebuild', body }, { isJson: isJson(options) }),
      );
    });

  remote(program, 'switch')
    .description('Switch back to the rows that `rebuild --keep` kept, brought up to date first.')
    .argument('<names...>', 'such as graph; several change in one transaction')
    .addHelpText(
      'after',
      `
The rows that were live are kept in their place, so that a second switch undoes the first.`,
    )
    .action(async (names: string[], options: Common) => {
      const { renew } = await import('./projections.ts');
      await run(options, (client) =>
        renew(client, names, { kind: 'switch' }, { isJson: isJson(options) }),
      );
    });

  remote(program, 'verify')
    .description(
      'Replay the log into a scratch copy and compare checksums; exits with 1 if they differ.',
    )
    .argument('[name]', 'a projection; all of them where absent')
    .option('--backup <file>', 'read a backup of the log from end to end instead; asks no node')
    .action(async (name: string | undefined, options: Common & { backup?: string }) => {
      const { backup } = options;
      if (backup !== undefined) {
        const { verifyBackup } = await import('./backup.ts');
        return orComplain(options, async () => {
          if (!(await verifyBackup(backup, { isJson: isJson(options) }))) process.exitCode = 1;
        });
      }
      const { verify } = await import('./projections.ts');
      await run(options, async (client) => {
        if (!(await verify(client, name, { isJson: isJson(options) }))) process.exitCode = 1;
      });
    });
}
