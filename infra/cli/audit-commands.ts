/** The commands about the record of who did what. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AuditPlace } from '#adapters/sqlite';
import { orComplain } from './command.ts';

interface AuditFlags {
  readonly dataDir?: string;
  readonly json?: true;
}

interface ShowFlags extends AuditFlags {
  readonly since?: string;
  readonly who?: string;
  readonly kind?: string;
}

export function addAuditCommands(program: Command): void {
  const audit = onRecord(program, 'audit')
    .description('Show who did what: operators, sources and producers, and this command line.')
    .option('--since <time>', 'such as 2026-11-24 or 2026-11-24T12:00:00Z', time)
    .option('--who <name>', 'an operator, connection:jira, tenant:acme, cli:root, unknown')
    .addOption(
      new Option('--kind <kind>', 'of what').choices(['admin', 'authentication', 'command']),
    )
    .addHelpText(
      'after',
      `
Reads DATA_DIR/audit.sqlite itself, beside a running node or without one. What operators do has a line when
it begins and one when it ends; deliveries and commands are counted by the minute. Each line is chained
to the one before it: \`verify\` sees a changed or missing one. Keep its last place where nobody who can
write to DATA_DIR can write, and it sees a cut end, too.

  $ cognisync audit --since 2026-11-24 --kind admin
  $ cognisync audit --json | jq 'select(.outcome == "refused")'
  $ cognisync audit verify
  $ cognisync audit verify --kept 1042:5f0c…`,
    )
    .action(async ({ json, ...rest }: ShowFlags) => {
      const { showAudit } = await import('./audit.ts');
      await orComplain({ ...(json && { json }) }, () =>
        showAudit({ ...rest, isJson: json === true }),
      );
    });

  onRecord(audit, 'verify')
    .description('Follow the chain; exits with 1 where a line was changed or is missing.')
    .option('--kept <place>', 'of an earlier `verify`, as it said it', place)
    .action(async (_: unknown, command: Command) => {
      // The options of `audit` stand before those of its `verify`, and the same names go to the former.
      const { json, kept, dataDir } = command.optsWithGlobals<AuditFlags & { kept?: AuditPlace }>();
      const { checkAudit } = await import('./audit.ts');
      await orComplain({ ...(json && { json }) }, async () => {
        if (!(await checkAudit({ dataDir, isJson: json === true }, kept))) process.exitCode = 1;
      });
    });
}

function onRecord(parent: Command, name: string): Command {
  return parent
    .command(name)
    .option('--data-dir <path>', "the node's DATA_DIR")
    .option('--json', 'one JSON object a line');
}

function time(text: string): string {
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError('It must be a date, or a time with a zone.');
}

function place(text: string): AuditPlace {
  const [, sequence, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (sequence !== undefined && hash !== undefined) return { sequence: Number(sequence), hash };
  throw new InvalidArgumentError('It must be a number, a colon and a hash.');
}
