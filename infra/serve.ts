/**
 * A node's life as a process.
 *
 *     config ─▶ listen (503) ─▶ open the node ─▶ ready ──signal──▶ drain ─▶ close ─▶ exit 0
 *        ╰────────────┴───────────────┴─▶ one message on stderr, exit 1
 *
 * Crash only: an error that nobody expected ends the process at once. What was acked is durable, and a
 * supervisor starts it again; a process that goes on in a state nobody thought of does worse.
 */
import { type HttpServer, openHttp } from '#adapters/http';
import { OtelTracer } from '#adapters/otel';
import { SqliteAudit } from '#adapters/sqlite';
import { systemClock, systemIds } from '#adapters/system';
import { AuditTrail, errorCatalogue, type RuntimeError, toRuntimeError } from '#runtime';
import { type Config, environment, readConfig } from './config.ts';
import { auditFileIn, makeDataDir } from './data-folder.ts';
import { exportDoubts } from './export-variables.ts';
import { createLogger, LoggedTelemetry } from './logging.ts';
import { type Node, openNode } from './node.ts';
import { tracing } from './otel.ts';
import { redactionOf, secretsIn } from './redaction.ts';
import type { NodeSurroundings } from './surroundings.ts';
import { messagingPlace, openTelemetry } from './telemetry.ts';
import { version } from './version.ts';

/** Serves until a signal ends it; then, or after a failure, the process ends. */
export async function serve(): Promise<void> {
  try {
    await run(readConfig());
  } catch (thrown) {
    complain(toRuntimeError(thrown));
    process.exit(1);
  }
  process.exit(0);
}

async function run(config: Config): Promise<void> {
  const logger = createLogger(config.logLevel, redactionOf(secretsIn(config)));
  const signalled = firstSignal();
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'an error that nobody expected');
    complain(toRuntimeError(error));
    process.exit(1);
  });
  const doubts = [...exportDoubts(environment()), ...(tracing?.warnings ?? [])];
  for (const warning of [...config.warnings, ...doubts]) logger.warn(warning);
  const { connections, operators, ...shown } = config;
  const names = {
    connections: [...connections.keys()],
    operators: operators.map(({ name }) => name),
  };
  logger.info({ ...shown, ...names, version }, 'starting');

  const around = { clock: systemClock, ids: systemIds };
  const logged = new LoggedTelemetry(logger, around.clock);
  const telemetry = await openTelemetry({
    ...around,
    config,
    logged,
    ...(tracing && { tracer: new OtelTracer(messagingPlace(config), tracing.roots) }),
    version,
    environment: environment(),
  });
  tracing?.onFault((error) => telemetry.record({ name: 'tracing-failed', error }));
  const { exposition } = telemetry;
  makeDataDir(config.dataDir);
  const auditLog = new SqliteAudit(auditFileIn(config.dataDir));
  // Kept in the process's log, too, this shows whether lines were cut off.
  logger.info(auditLog.end(), 'audit log opened');
  const audit = new AuditTrail({ log: auditLog, clock: around.clock, telemetry });
  const http = await openHttp({
    ...around,
    logger,
    version,
    telemetry,
    exposition,
    audit,
    operators: operators.map(({ name, token }) => ({ name, token: token.reveal() })),
  });
  const { node, url } = await opened(http, config, { ...around, telemetry });
  telemetry.observe(node);
  http.gate.open(node);
  process.stdout.write(`CogniSync ${version} is ready at ${url} (try ${url}/docs)\n`);

  const signal = await signalled;
  logger.info({ signal }, 'draining');
  http.gate.drain();
  // What is in flight settles first, so that it can be answered; the stores go last.
  const isDrained = await node.drain();
  if (!isDrained) logger.warn('some messages were still in flight; their senders heard no answer');
  await http.close();
  await node.close();
  await audit.close();
  logger.info(auditLog.end(), 'audit log closed');
  auditLog.close();
  await Promise.all([telemetry.close(), tracing?.end()]);
  logger.info('stopped');
}

async function opened(
  http: HttpServer,
  config: Config,
  surroundings: NodeSurroundings,
): Promise<{ readonly node: Node; readonly url: string }> {
  try {
    const url = await http.listen(config);
    return { url, node: await openNode(config, surroundings) };
  } catch (thrown) {
    await http.close();
    throw thrown;
  }
}

/** One Ctrl-C reaches a process under npm twice; what comes this soon after the first is the same. */
const sameSignalMs = 500;

/** Resolves with the first SIGTERM or SIGINT; a later one ends the process where it stands. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstMs: number | null = null;
    const onSignal = (signal: NodeJS.Signals) => {
      const nowMs = performance.now();
      firstMs ??= nowMs;
      if (nowMs - firstMs > sameSignalMs) process.exit(1);
      resolve(signal);
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
}

function complain({ code, message }: RuntimeError): void {
  const lines = message.split('\n').map((line) => `  ${line}`);
  process.stderr.write(`cognisync: ${code}\n${lines.join('\n')}\n${errorCatalogue[code].hint}\n`);
}
