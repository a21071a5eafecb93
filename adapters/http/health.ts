/**
 * How a node is, part by part.
 *
 * Unhealthy: it can't do what it is for, as log, bus or read store do not answer, or the disk is full.
 * Degraded: it serves, and somebody should look: without Redis, with a projection that stopped or lags,
 * with a model that gives no vectors or refuses texts, with a wrong clock, with little disk left, and
 * while the audit log can't be written. A projection that stopped does not make the node unready: webhooks
 * and commands only need the log, and a sender that is turned away may never come again, while rows can be
 * rebuilt.
 */
import {
  type AuditTrail,
  type Clock,
  type ErrorCode,
  isErrorCode,
  type Limits,
  type Log,
} from '#runtime';
import type { Backend, IndexPlace } from './backend.ts';
import type { Gate } from './gate.ts';
import { Check, type Checked, type Found, type Health, worstOf } from './health-check.ts';

export interface HealthReport {
  readonly status: Health;
  /** ISO 8601; it is used again for limits.healthKeptMs at most. */
  readonly checkedAt: string;
  readonly phase: Gate['phase'];
  readonly checks: readonly Checked[];
}

interface HealthOptions {
  readonly gate: Gate;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly audit: Pick<AuditTrail, 'failure'>;
}

export class NodeHealth {
  readonly #options: HealthOptions;
  #checks: { readonly essential: readonly Check[]; readonly further: readonly Check[] } | null =
    null;
  #kept: { readonly report: Promise<HealthReport>; readonly atMs: number } | null = null;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Of what nobody can be served without; none while the node is starting. */
  async essentials(): Promise<readonly Checked[]> {
    return this.#look(this.#known()?.essential ?? []);
  }

  /** Of all there is. Never rejects. Who asks within limits.healthKeptMs gets the same. */
  report(): Promise<HealthReport> {
    const { clock, gate, limits } = this.#options;
    const nowMs = clock.now();
    const kept = this.#kept;
    const isStarted = gate.backendBehind !== null;
    if (kept !== null && isStarted && nowMs - kept.atMs < limits.healthKeptMs) return kept.report;
    const report = this.#report(nowMs);
    this.#kept = isStarted ? { report, atMs: nowMs } : null;
    return report;
  }

  async #report(nowMs: number): Promise<HealthReport> {
    const { gate } = this.#options;
    const known = this.#known();
    const checks = await this.#look(known === null ? [] : [...known.essential, ...known.further]);
    const isServing: Health = gate.phase === 'ready' ? 'healthy' : 'unhealthy';
    return {
      status: worstOf([isServing, ...checks.map(({ status }) => status)]),
      checkedAt: new Date(nowMs).toISOString(),
      phase: gate.phase,
      checks,
    };
  }

  #look(checks: readonly Check[]): Promise<readonly Checked[]> {
    return Promise.all(checks.map((check) => check.look(this.#options.limits.healthCheckMs)));
  }

  #known() {
    const { audit, clock, gate, limits } = this.#options;
    const backend = gate.backendBehind;
    if (backend === null) return null;
    this.#checks ??= {
      essential: essentialChecks(backend, clock),
      further: [...furtherChecks(backend, clock, limits), auditCheck(audit, clock)],
    };
    return this.#checks;
  }
}

function essentialChecks({ bus, log, readStore }: Backend, clock: Clock): readonly Check[] {
  const check = (name: string, late: ErrorCode, ask: () => Promise<Found>) =>
    new Check({ name, late, ask, failed: 'unhealthy' }, clock);
  return [
    check('bus', 'BUS_UNAVAILABLE', async () => {
      await bus.check();
      return { details: { connected: true } };
    }),
    check('log', 'LOG_UNAVAILABLE', async () => ({ details: { position: await log.head() } })),
    check('read-store', 'READ_STORE_UNAVAILABLE', async () => {
      await readStore.query('SELECT 1');
      return { details: { connected: true } };
    }),
  ];
}

function furtherChecks(backend: Backend, clock: Clock, limits: Limits): readonly Check[] {
  const { diskFreeBytes, index, redis, storeTime } = backend;
  const check = (name: string, late: ErrorCode, ask: () => Promise<Found>) =>
    new Check({ name, late, ask, failed: 'degraded' }, clock);
  const checks = [
    check('projections', 'LOG_UNAVAILABLE', () => projectionsFound(backend, clock, limits)),
  ];
  if (redis) {
    checks.push(
      check('redis', 'REDIS_UNAVAILABLE', async () => ({ details: { ...(await redis()) } })),
    );
  }
  if (index) {
    checks.push(check('index', 'READ_STORE_UNAVAILABLE', () => indexFound(index, backend)));
  }
  if (storeTime) {
    checks.push(
      check('clock', 'READ_STORE_UNAVAILABLE', () => clockFound(storeTime, clock, limits)),
    );
  }
  if (diskFreeBytes) {
    checks.push(check('disk', 'INTERNAL', async () => diskFound(await diskFreeBytes(), limits)));
  }
  return checks;
}

/** Operators are refused meanwhile; nobody else is. */
function auditCheck(audit: Pick<AuditTrail, 'failure'>, clock: Clock): Check {
  const ask = async (): Promise<Found> => {
    const { failure } = audit;
    if (failure === null) return { details: {} };
    return { status: 'degraded', code: failure.code, details: {} };
  };
  return new Check({ name: 'audit', late: 'AUDIT_UNAVAILABLE', ask, failed: 'degraded' }, clock);
}

async function projectionsFound(
  { log, runtime }: Backend,
  clock: Clock,
  limits: Limits,
): Promise<Found> {
  const statuses = await runtime.projections();
  const looked = statuses.map(async ({ error, lag, name, position, status }) => {
    const waitedMs = lag === 0 ? 0 : await waitedSince(log, position, clock);
    const isWell = status !== 'stopped' && waitedMs <= limits.healthLagMs;
    const standing = { isWell, status, position, lagEvents: lag, lagMs: waitedMs };
    return [name, { ...standing, ...(error !== null && { error: error.code }) }] as const;
  });
  const all = await Promise.all(looked);
  const ill = all.filter(([, { isWell }]) => !isWell);
  const details = Object.fromEntries(all);
  if (ill.length === 0) return { details };
  const [code] = ill.flatMap(([, { error }]) => (error && isErrorCode(error) ? [error] : []));
  return { status: 'degraded', details, ...(code ? { code } : { hint: laggingHint }) };
}

const laggingHint =
  'It goes on by itself. If the lag grows, the read store is too slow for what comes in.';

/** How long ago the oldest event after a position was recorded. */
async function waitedSince(log: Log, position: number, clock: Clock): Promise<number> {
  const [oldest] = await log.readAll({ after: position, limit: 1 });
  if (oldest === undefined) return 0;
  return Math.max(0, clock.now() - Date.parse(oldest.metadata.recordedAt));
}

/** How many documents wait is no illness by itself: after an import or a rebuild it is all of them. */
async function indexFound(
  index: IndexPlace,
  { indexStanding }: Pick<Backend, 'indexStanding'>,
): Promise<Found> {
  const position = await index.position();
  const { failed = 0, pending = 0 } = (await indexStanding?.()) ?? {};
  const details = { position, pending, failed };
  const code = index.failure?.code;
  if (code !== undefined) return { status: 'degraded', code, details };
  return failed === 0 ? { details } : { status: 'degraded', hint: refusedHint, details };
}

const refusedHint =
  'The embedding model refuses passages of these documents, which are found by their words alone. ' +
  'cognisync rebuild embeddings asks it again.';

/**
 * How far the node's clock is from the store's, beyond what the question took. A wrong one is never
 * unhealthy: what is written stays in its order and nothing is lost; times in events (asOf), and lags,
 * are wrong by it, and where it is minutes other services refuse us.
 */
async function clockFound(
  storeTime: () => Promise<number>,
  clock: Clock,
  limits: Limits,
): Promise<Found> {
  const beforeMs = clock.now();
  const theirsMs = await storeTime();
  const aheadMs = Math.max(0, beforeMs - theirsMs) - Math.max(0, theirsMs - clock.now());
  const details = { aheadMs };
  if (Math.abs(aheadMs) <= limits.clockOffMs) return { details };
  return { status: 'degraded', hint: clockHint, details };
}

const clockHint =
  'The clocks of this machine and of PostgreSQL differ; which of them is wrong, NTP will say. ' +
  'Times in events, and what is asked as of a time, are wrong by it.';

function diskFound(freeBytes: number, limits: Limits): Found {
  const details = { freeBytes };
  if (freeBytes >= limits.diskFreeBytesLow) return { details };
  if (freeBytes >= limits.diskFreeBytesMin) return { status: 'degraded', hint: diskHint, details };
  return { status: 'unhealthy', code: 'LOG_FULL', details };
}

const diskHint = 'Free space, or move DATA_DIR to a larger disk.';
