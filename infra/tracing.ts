/**
 * OpenTelemetry's SDK for traces, and the libraries that it looks into. Loaded only where traces are asked
 * for, and before those libraries.
 *
 * PGlite and `node:sqlite` have no instrumentation: the spans of appends and projections stand for them.
 * The client of Service Bus has one in words that are no longer the convention's; the bus has spans of our
 * own. What a query or a command is about stays here: statements go without values, Redis commands without
 * arguments, and requests by their routes, as some have a token in their URL.
 */
import { FastifyOtelInstrumentation } from '@fastify/otel';
import { DiagLogLevel, diag, type Span } from '@opentelemetry/api';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import type { FastifyRequest } from 'fastify';
import { register, supportsSyncHooks } from 'import-in-the-middle/register-hooks.mjs';
import { systemClock } from '#adapters/system';
import { limits } from '#runtime';
import type { Environment } from './reading.ts';
import { resourceOf } from './resource.ts';
import { RootSampling } from './root-sampling.ts';
import { version } from './version.ts';

export interface Tracing {
  /** What of the variables the SDK could not use when it began, one sentence each. */
  readonly warnings: readonly string[];
  /** Decides of the traces that begin here; undefined where the SDK does. */
  readonly roots: RootSampling | undefined;
  /** Who hears from now on that spans could not be sent; nobody did before. */
  onFault(tell: (error: Error) => void): void;
  /** Sends what is left, for limits.tracesFarewellMs at most. Never rejects. */
  end(): Promise<void>;
}

/** Registers the SDK for this process; call once. */
export async function beginTracing(environment: Environment): Promise<Tracing> {
  // Before Node 24.11.1 a library that is an ES module is not seen, and all the rest is.
  if (supportsSyncHooks()) register({ include: ['ioredis', 'pg'] });
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const roots = rootsIn(environment, warn);
  const sdk = new NodeSDK({
    resource: resourceOf(version),
    autoDetectResources: false,
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [
      new FastifyOtelInstrumentation({
        registerOnInitialization: true,
        instrumentHooks: false,
        recordExceptions: false,
        ignorePaths: ({ url }) => untraced.test(url),
        requestHook: nameByRoute,
      }),
      new PgInstrumentation({ requireParentSpan: true }),
      new IORedisInstrumentation({
        requireParentSpan: true,
        dbStatementSerializer: (command) => command,
      }),
      new UndiciInstrumentation({ requireParentforSpans: true }),
    ],
    ...(roots && { sampler: roots.sampler, idGenerator: roots }),
  });
  hear(warn);
  sdk.start();
  diag.disable();
  return {
    warnings,
    roots,
    onFault: (tell) => hear((message) => tell(new Error(message))),
    end: async () => {
      const patience = new AbortController();
      const late = systemClock.sleep(limits.tracesFarewellMs, patience.signal);
      const ended = sdk.shutdown().finally(() => patience.abort());
      // Nobody is left to tell that the last ones did not arrive.
      await Promise.allSettled([Promise.race([ended, late])]);
    },
  };
}

/** Whatever the SDK warns of from now on, as it is told nowhere else. */
function hear(tell: (message: string) => void): void {
  const unheard = () => undefined;
  diag.setLogger(
    { error: tell, warn: tell, info: unheard, debug: unheard, verbose: unheard },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

/** Who looks whether the node is well, and who follows for hours, is no request worth a trace. */
const untraced = /^\/(health|metrics|feed|docs)(\/|\?|$)/;

function nameByRoute(span: Span, request: FastifyRequest): void {
  const route = request.routeOptions.url ?? '';
  span.updateName(`${request.method} ${route}`.trimEnd());
  span.setAttribute('url.path', route);
}

/** With the sampler of a ratio what links several traces is recorded as they are; undefined: as the SDK has it. */
function rootsIn(
  environment: Environment,
  warn: (message: string) => void,
): RootSampling | undefined {
  if (environment.OTEL_TRACES_SAMPLER?.trim() !== 'parentbased_traceidratio') return undefined;
  const ratio = Number(environment.OTEL_TRACES_SAMPLER_ARG?.trim() || '1');
  const isRatio = ratio >= 0 && ratio <= 1;
  if (!isRatio) warn('OTEL_TRACES_SAMPLER_ARG must be from 0 to 1; every trace is recorded');
  return new RootSampling(new TraceIdRatioBasedSampler(isRatio ? ratio : 1));
}
