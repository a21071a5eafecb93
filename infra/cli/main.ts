/**
 * The command line: what there is, and what it says about itself. Each command lives in a file of its
 * own that is loaded when it is asked for.
 */
import { Command, InvalidArgumentError } from 'commander';
import { version } from '../version.ts';
import type { Client } from './client.ts';
import { complain } from './complaint.ts';
import { endQuietlyWithReader } from './output.ts';

interface Common {
  readonly json?: true;
  readonly url?: string;
  readonly tenant?: string;
}

endQuietlyWithReader();
const program = new Command('cognisync')
  .description('A knowledge graph of Jira and Confluence that can be trusted and rebuilt.')
  .version(version)
  .showHelpAfterError('Add --help to see how it is used.')
  .addHelpText(
    'after',
    `
A first look:
  $ cognisync start                    in one terminal; prints its URL when it is ready
  $ cognisync ingest samples           in another: the webhooks of a small company
  $ cognisync projections              what the node made of them, and how far it is
  $ cognisync entity ACME-12           an entity and what it is linked to

Configuration is the environment's: PORT, HOST, DATA_DIR, LOG_LEVEL, CONNECTIONS_FILE, DATABASE_URL.
\`cognisync COMMAND --help\` says more, with examples.`,
  );

program
  .command('start')
  .description('Serve, until SIGTERM or Ctrl-C drains it.')
  .addHelpText(
    'after',
    `
The node listens on HOST:PORT (127.0.0.1:3000) and keeps everything in DATA_DIR (./data). It prints its
URL when it is ready; its log goes to stderr, as JSON.

  $ PORT=8080 DATA_DIR=/var/lib/cognisync cognisync start`,
  )
  .action(async () => {
    const { serve } = await import('../serve.ts');
    await serve();
  });

program
  .command('service-bus')
  .description('Serve a local Service Bus to develop against, until Ctrl-C ends it.')
  .option('--host <host>', 'where it listens', '127.0.0.1')
  .option('--port <port>', '0 for any free one', position, 5672)
  .option('--file <path>', 'where messages are kept (default: in memory)')
  .option('--config <path>', "entities, in the format of Microsoft's emulator")
  .addHelpText(
    'after',
    `
The unmodified Azure clients of any language talk to it over AMQP. It prints its connection string;
without --config it has the topic and the subscriptions that a node needs. For development only.

  $ cognisync service-bus --file data/service-bus.sqlite
  $ SERVICE_BUS_CONNECTION_STRING='Endpoint=sb://127.0.0.1:5672;…' cognisync start`,
  )
  .action(async (options: BrokerFlags) => {
    const { serveBroker } = await import('../service-bus-local/serve-broker.ts');
    const { host, port, file, config: configFile } = options;
    await orComplain({}, () => serveBroker({ host, port, file, configFile }));
  });

interface BrokerFlags {
  readonly host: string;
  readonly port: number;
  readonly file?: string;
  readonly config?: string;
}

remote('ingest')
  .description('Send webhooks and commands from files.')
  .argument('<file...>', 'JSON and NDJSON files, folders of them, or `samples`')
  .option('--connection <id>', 'for webhooks that do not say which they came over', 'jira')
  .addHelpText(
    'after',
    `
A .json file is a webhook's body, a recorded delivery, or a list of those; in an .ndjson file each line is
a command, as POST /commands takes it. Files are sent one after the other in the order of their names;
what can't be taken now is sent again. Whatever was sent before has no effect the second time.

  $ cognisync ingest samples                          the samples that come with CogniSync
  $ cognisync ingest --connection jira webhook.json   a body that you have captured
  $ cognisync ingest export.ndjson                    commands, one a line

Exits with 1 where anything was refused.`,
  )
  .action(async (files: string[], options: Common & { connection: string }) => {
    const { ingest } = await import('./ingest.ts');
    await run(options, async (client) => {
      const { connection } = options;
      const isAllTaken = await ingest(client, files, { isJson: isJson(options), connection });
      if (!isAllTaken) process.exitCode = 1;
    });
  });

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

remote('entity')
  .description('Show an entity and what it is linked to.')
  .argument('<id>', 'its id, such as jira:acme.atlassian.net:issue:10001')
  .addHelpText(
    'after',
    `
A key will do, too; for other words it shows which entities may be meant.

  $ cognisync entity ACME-12
  $ cognisync entity 'jira:acme.atlassian.net:issue:10012' --json`,
  )
  .action(async (id: string, options: Common) => {
    const { showEntity } = await import('./entity.ts');
    await run(options, (client) => showEntity(client, id, { isJson: isJson(options) }));
  });

remote('projections')
  .description('Show where the projections stand: position, lag, rate.')
  .action(async (options: Common) => {
    const { showProjections } = await import('./projections.ts');
    await run(options, (client) => showProjections(client, { isJson: isJson(options) }));
  });

remote('rebuild')
  .description('Build a projection anew from the log; readers see the old rows until it is done.')
  .argument('<name>', 'such as graph; see `cognisync projections`')
  .action(async (name: string, options: Common) => {
    const { rebuild } = await import('./projections.ts');
    await run(options, (client) => rebuild(client, name, { isJson: isJson(options) }));
  });

remote('verify')
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

interface LetterFlags extends Common {
  readonly unreadable?: true;
  readonly all?: true;
  readonly limit: number;
}

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

letterCommand('list')
  .description('List them, oldest first.')
  .option('--limit <n>', 'most to show', position, 50)
  .action(async (options: LetterFlags) => {
    const { listDeadLetters } = await import('./dead-letters.ts');
    await run(options, (client) =>
      listDeadLetters(client, { ...letterOutput(options), limit: options.limit }),
    );
  });

letterCommand('show')
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
  letterCommand(what)
    .description(description)
    .argument('[id...]')
    .option('--all', 'all that are there')
    .action(async (ids: string[], options: LetterFlags) => {
      const { moveDeadLetters } = await import('./dead-letters.ts');
      const output = { ...letterOutput(options), isAll: options.all === true };
      await run(options, (client) => moveDeadLetters(client, what, ids, output));
    });
}

await program.parseAsync();

/** A command that asks a node. */
function remote(name: string, parent: Command = program): Command {
  return parent
    .command(name)
    .option('--url <url>', 'where the node is (default: HOST and PORT of this environment)')
    .option('--tenant <id>', 'whose data (default: default)')
    .option('--json', 'answer in JSON, for programs');
}

function letterCommand(name: string): Command {
  return remote(name, letters).option('--unreadable', 'those whose tenant can not be read');
}

function letterOutput(options: LetterFlags) {
  return { isJson: isJson(options), isUnreadable: options.unreadable === true };
}

function isJson({ json }: Pick<Common, 'json'>): boolean {
  return json === true;
}

async function run(options: Common, work: (client: Client) => Promise<unknown>): Promise<void> {
  await orComplain(options, async () => {
    const { Client } = await import('./client.ts');
    await work(new Client(options));
  });
}

async function orComplain(
  options: Pick<Common, 'json'>,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    complain(thrown, isJson(options));
    process.exitCode = 1;
  }
}

function position(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function gather(value: string, before: string[]): string[] {
  return [...before, value];
}
