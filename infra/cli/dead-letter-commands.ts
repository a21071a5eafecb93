/** The commands about dead letters. */
import type { Command } from 'commander';
import { type Common, isJson, position, remote, run } from './command.ts';

interface LetterFlags extends Common {
  readonly unreadable?: true;
  readonly all?: true;
  readonly limit: number;
}

export function addDeadLetterCommands(program: Command): void {
  const letters = program
    .command('dead-letters')
    .description('What could not be handled, why, and what to do with it.')
    .addHelpText(
      'after',
      `
  $ cognisync dead-letters list
  $ cognisync dead-letters show 5f0c…        the whole message
  $ cognisync dead-letters redrive --all     try them again, once the cause is mended
  $ cognisync dead-letters purge 5f0c… 9a1e…`,
    );

  letterCommand(letters, 'list')
    .description('List them, oldest first.')
    .option('--limit <n>', 'most to show', position, 50)
    .action(async (options: LetterFlags) => {
      const { listDeadLetters } = await import('./dead-letters.ts');
      await run(options, (client) =>
        listDeadLetters(client, { ...letterOutput(options), limit: options.limit }),
      );
    });

  letterCommand(letters, 'show')
    .description('Show one with its body.')
    .argument('<id>')
    .action(async (id: string, options: LetterFlags) => {
      const { showDeadLetter } = await import('./dead-letters.ts');
      await run(options, (client) => showDeadLetter(client, id, letterOutput(options)));
    });

  for (const [what, description] of [
    ['redrive', 'Publish them again; those that fail again stay.'],
    ['purge', 'Forget them.'],
  ] as const) {
    letterCommand(letters, what)
      .description(description)
      .argument('[id...]')
      .option('--all', 'all that are there')
      .action(async (ids: string[], options: LetterFlags) => {
        const { moveDeadLetters } = await import('./dead-letters.ts');
        const output = { ...letterOutput(options), isAll: options.all === true };
        await run(options, (client) => moveDeadLetters(client, what, ids, output));
      });
  }
}

function letterCommand(letters: Command, name: string): Command {
  return remote(letters, name).option('--unreadable', 'those whose tenant can not be read');
}

function letterOutput(options: LetterFlags) {
  return { isJson: isJson(options), isUnreadable: options.unreadable === true };
}
