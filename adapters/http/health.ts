/**
 * How a node is, part by part.
 *
 * Unhealthy: it can't do what it is for, as log, bus or read store do not answer, or the disk is full.
 * Degraded: it serves, and somebody should look: without Redis, with a projection that stopped or lags,
 * with a model that gives no vectors, with little disk left. A projection that stopped does not make the
 * node unready: webhooks and commands only need the log, and a sender that is turned away may never come
 * again, while rows can be rebuilt.
 */
import { type Clock, type ErrorCode, isErrorCode, type Limits, type Log } from '#runtime';
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
    const { clock, gate, limits } = this.#options;
    const backend = gate.backendBehind;
    if (backend === null) return null;
    this.#checks ??= {
      essential: essentialChecks(backend, clock),
      further: furtherChecks(backend, clock, limits),
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
  const { diskFreeBytes, index, redis } = backend;
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
  if (index) checks.push(check('index', 'READ_STORE_UNAVAILABLE', () => indexFound(index)));
  if (diskFreeBytes) {
    checks.push(check('disk', 'INTERNAL', async () => diskFound(await diskFreeBytes(), limits)));
  }
  return checks;
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
  const codes = ill.flatMap(([, { error }]) => (error && isErrorCode(error) ? [error] : []));
  return { status: 'degraded', details, ...(codes[0] && { code: codes[0] }) };
}

/** How long ago the oldest event after a position was recorded. */
async function waitedSince(log: Log, position: number, clock: Clock): Promise<number> {
  const [oldest] = await log.readAll({ after: position, limit: 1 });
  if (oldest === undefined) return 0;
  return Math.max(0, clock.now() - Date.parse(oldest.metadata.recordedAt));
}

async function indexFound(index: IndexPlace): Promise<Found> {
  const details = { position: await index.position() };
  const code = index.failure?.code;
  return code === undefined ? { details } : { status: 'degraded', code, details };
}

function diskFound(freeBytes: number, limits: Limits): Found {
  const details = { freeBytes };
  if (freeBytes < limits.diskFreeBytesMin)
    return { status: 'unhealthy', code: 'LOG_FULL', details };
  if (freeBytes < limits.diskFreeBytesLow) return { status: 'degraded', details };
  return { details };
}
