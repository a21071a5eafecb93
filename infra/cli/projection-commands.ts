/** The commands about projections: where they stand, and their upkeep. */
import type { Command } from 'commander';
import { type Common, isJson, remote, run } from './command.ts';

export function addProjectionCommands(program: Command): void {
  remote(program, 'projections')
    .description('Show where the projections stand: position, lag, rate.')
    .action(async (options: Common) => {
      const { showProjections } = await import('./projections.ts');
      await run(options, (client) => showProjections(client, { isJson: isJson(options) }));
    });

  remote(program, 'rebuild')
    .description('Build a projection anew from the log; readers see the old rows until it is done.')
    .argument('<name>', 'such as graph; see `cognisync projections`')
    .action(async (name: string, options: Common) => {
      const { rebuild } = await import('./projections.ts');
      await run(options, (client) => rebuild(client, name, { isJson: isJson(options) }));
    });

  remote(program, 'verify')
    .description(
      'Replay the log into a scratch copy and compare checksums; exits with 1 if they differ.',
    )
    .argument('[name]', 'a projection; all of them where absent')
    .action(async (name: string | undefined, options: Common) => {
      const { verify } = await import('./projections.ts');
      await run(options, async (client) => {
        if (!(await verify(client, name, { isJson: isJson(options) }))) process.exitCode = 1;
      });
    });
}
