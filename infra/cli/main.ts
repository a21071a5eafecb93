/**
 * The command line: what there is, and what it says about itself. Each command lives in a file of its
 * own that is loaded when it is asked for.
 */
import { Command } from 'commander';
import { version } from '../version.ts';
import { addAuditCommands } from './audit-commands.ts';
import { type Common, isJson, orComplain, position, remote, run } from './command.ts';
import { addCopyCommands } from './copy-commands.ts';
import { addDeadLetterCommands } from './dead-letter-commands.ts';
import { addHistoryCommands } from './history-commands.ts';
import { duration } from './log-level.ts';
import { endQuietlyWithReader } from './output.ts';
import { addProjectionCommands } from './projection-commands.ts';
import { addRetrievalCommands } from './retrieval-commands.ts';

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
  $ cognisync search refund payment    what fits, by words and by meaning

Configuration is the environment's: PORT, HOST, DATA_DIR, LOG_LEVEL, CONNECTIONS_FILE, DATABASE_URL.
Where a node has operators, COGNISYNC_TOKEN is the token that is shown to it.
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
    // Before the libraries that it looks into.
    await import('../otel.ts');
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

remote(program, 'doctor')
  .description('Say what is not well with a node, or why there is none, and what to do.')
  .addHelpText(
    'after',
    `
Asks the node for its health. Where no node answers it looks at what one needs on this machine, with this
environment: Node, configuration, data folder, disk, port, and each service that the environment names
(PostgreSQL with pgvector, KurrentDB, Service Bus, Redis, the models, the collector). Changes nothing.
Exits with 1 where something is not well.

  $ cognisync doctor
  $ cognisync doctor --url http://10.0.0.7:3000 --json`,
  )
  .action(async (options: Common) => {
    const { doctor } = await import('./doctor.ts');
    await run(options, async (client) => {
      if (!(await doctor(client, { isJson: isJson(options) }))) process.exitCode = 1;
    });
  });

remote(program, 'log-level')
  .description("Show or change how much a node's log says, while it runs.")
  .argument('[level]', 'trace, debug, info, warn, error or fatal')
  .option('--for <duration>', 'such as 30s, 10m or 2h; then it goes back', duration)
  .addHelpText(
    'after',
    `
Of this one node; without --for it stays until the node ends, which begins with LOG_LEVEL again.

  $ cognisync log-level debug --for 10m`,
  )
  .action(async (level: string | undefined, options: Common & { for?: number }) => {
    const { logLevel } = await import('./log-level.ts');
    const { for: seconds } = options;
    await run(options, (client) => logLevel(client, { isJson: isJson(options), level, seconds }));
  });

remote(program, 'ingest')
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

remote(program, 'entity')
  .description('Show an entity and what it is linked to, now or as of then.')
  .argument('<id>', 'its id, such as jira:acme.atlassian.net:issue:10001')
  .option('--as-of <moment>', 'revision:N of its own, position:N of the log, or a time with a zone')
  .addHelpText(
    'after',
    `
A key will do, too; for other words it shows which entities may be meant.

  $ cognisync entity ACME-12
  $ cognisync entity ACME-12 --as-of 2026-03-01T12:00:00Z
  $ cognisync entity 'jira:acme.atlassian.net:issue:10012' --json`,
  )
  .action(async (id: string, options: Common & { asOf?: string }) => {
    const { showEntity } = await import('./entity.ts');
    const { asOf } = options;
    await run(options, (client) => showEntity(client, id, { isJson: isJson(options), asOf }));
  });

program
  .command('mcp')
  .description(
    "Serve a node's MCP tools over stdio, for programs that start their servers themselves.",
  )
  .option('--url <url>', 'where the node is (default: HOST and PORT of this environment)')
  .option('--tenant <id>', 'whose data (default: default)')
  .addHelpText(
    'after',
    `
A bridge to the node's own MCP server, which is at /mcp: programs that speak HTTP can have that without
this. The node may come and go. For a client's configuration:

  {"mcpServers": {"cognisync": {"command": "cognisync", "args": ["mcp", "--tenant", "acme"]}}}`,
  )
  .action(async (options: Common) => {
    const { serveMcp } = await import('./mcp.ts');
    await run(options, serveMcp);
  });

addRetrievalCommands(program);
addProjectionCommands(program);
addHistoryCommands(program);
addCopyCommands(program);
addDeadLetterCommands(program);
addAuditCommands(program);

await program.parseAsync();
