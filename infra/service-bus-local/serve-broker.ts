/**
 * The local broker as a process: `cognisync service-bus`. It says where it is, what it has, and that it
 * is a development tool; it ends with SIGTERM or Ctrl-C.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { RuntimeError, toRuntimeError } from '#runtime';
import { openBroker } from './broker.ts';
import { type BrokerConfig, defaultBrokerConfig } from './config/broker-config.ts';
import { readBrokerConfig } from './config/emulator-config.ts';

export interface ServeBrokerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Where messages are kept; undefined: in memory. */
  readonly file: string | undefined;
  /** In the format of Microsoft's emulator; undefined: what CogniSync needs. */
  readonly configFile: string | undefined;
}

/** Serves until a signal ends it. Rejects as `openBroker` does, before anything is served. */
export async function serveBroker(options: ServeBrokerOptions): Promise<void> {
  const { host, port, file, configFile } = options;
  const config = configFile === undefined ? defaultBrokerConfig : configIn(configFile);
  const signalled = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const broker = await openBroker({ host, port, file, config, report: complain });
  process.stdout.write(`The local Service Bus is ready at ${host}:${broker.port}

  ${broker.connectionString}

${entitiesOf(config)}
Messages are kept ${file === undefined ? 'in memory, and end with it' : `in ${file}`}.
It is a development tool: anybody who reaches the port may read and send. Production is Azure.
`);
  await signalled;
  await broker.close();
}

function configIn(file: string): BrokerConfig {
  try {
    return readBrokerConfig(readFileSync(file, 'utf8'));
  } catch (cause) {
    if (cause instanceof RuntimeError) throw cause;
    const text = `the configuration ${file} can't be read: ${(cause as Error).message}`;
    throw new RuntimeError('CONFIG_INVALID', text, { cause });
  }
}

function entitiesOf({ queues, topics }: BrokerConfig): string {
  const sessions = (requiresSession: boolean) => (requiresSession ? ', with sessions' : '');
  const lines = [
    ...queues.map(({ name, requiresSession }) => `queue ${name}${sessions(requiresSession)}`),
    ...topics.flatMap(({ name, subscriptions }) => [
      `topic ${name}`,
      ...subscriptions.map(
        (each) => `  subscription ${each.name}${sessions(each.requiresSession)}`,
      ),
    ]),
  ];
  return lines.map((line) => `  ${line}\n`).join('');
}

function complain(trouble: unknown): void {
  process.stderr.write(`service-bus: ${toRuntimeError(trouble).message}\n`);
}
