/** The commands that ask in words. */
import type { Command } from 'commander';
import { type Common, gather, isJson, position, remote, run } from './command.ts';
import type { Asked } from './search.ts';

interface Flags extends Common {
  readonly type: string[];
  readonly near: string[];
  readonly distance?: number;
  readonly mode?: string;
  readonly limit?: number;
  readonly answer?: true;
}

export function addRetrievalCommands(program: Command): void {
  asking(program, 'search')
    .description('Search by words and by meaning, best first.')
    .addHelpText(
      'after',
      `
Each hit says why it is there: its place among those found by words, and among those found by meaning.

  $ cognisync search refund payment
  $ cognisync search "how do customers get their money back" --type ISSUE --limit 3
  $ cognisync search timetable --near TIX-4 --distance 2`,
    )
    .action(async (words: string[], options: Flags) => {
      const { showHits } = await import('./search.ts');
      await run(options, (client) => showHits(client, askedOf(words, options)));
    });

  asking(program, 'query')
    .description('Collect a context for a question, or have it answered.')
    .option('--answer', 'what the language model makes of it (needs CHAT_URL at the node)')
    .addHelpText(
      'after',
      `
The context is what the search finds and what that is linked to, as a language model is given it; an
answer cites it by its numbers.

  $ cognisync query "who works on the timetable import?"
  $ cognisync query "why did we move refunds?" --answer`,
    )
    .action(async (words: string[], options: Flags) => {
      const { showContext } = await import('./query.ts');
      const isAnswer = options.answer === true;
      await run(options, (client) => showContext(client, askedOf(words, options), isAnswer));
    });
}

function asking(program: Command, name: string): Command {
  return remote(program, name)
    .argument('<text...>', 'words or a question')
    .option('--type <name>', 'only entities of this type: ISSUE, DOCUMENT …', gather, [])
    .option('--near <id>', 'only what is linked to this entity, by its id or key', gather, [])
    .option('--distance <n>', 'of --near: links on the way, 1 to 3', position)
    .option('--mode <name>', 'hybrid, words or vectors')
    .option('--limit <n>', 'most hits', position);
}

function askedOf(words: readonly string[], options: Flags): Asked {
  const { distance, limit, mode, near, type: types } = options;
  return { q: words.join(' '), types, near, distance, mode, limit, isJson: isJson(options) };
}
