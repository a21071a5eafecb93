/**
 * What it costs to be looked at: commands from their bytes to their fsynced events, in turn with nobody
 * listening, with all metrics counted and a scrape a second, and with one trace in a hundred recorded and written
 * as for a collector. The machine's mood changes from round to round, so each round has all three, and
 * ratios are what counts; CPU time feels other programs least.
 */
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  BatchSpanProcessor,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import { Metrics, OtelTracer } from '#adapters/otel';
import { systemClock } from '#adapters/system';
import type { Telemetry } from '#runtime';
import { onTheBus } from '#test/messages';
import { RootSampling } from '../../infra/root-sampling.ts';
import { type Benchmark, median, type Result } from './report.ts';
import { command, drive, inFolder, openRig } from './rig.ts';

const count = 40_000;
/** A node runs for weeks: with fewer, what is compiled anew for the first traces is counted as theirs. */
const warmUps = 40_000;
const concurrent = 2_048;
const rounds = 7;

interface Round {
  readonly rate: number;
  /** Of all threads, µs a command. */
  readonly cpu: number;
}

/** How a node is looked at; `end` ends the looking. */
type Mode = () => { readonly telemetry?: Telemetry; readonly end: () => void };

const messaging = { system: 'in_process', destination: 'commands' };

const roots = new RootSampling(new TraceIdRatioBasedSampler(0.01));

const modes = {
  off: () => ({ end: () => undefined }),
  metrics: () => {
    const metrics = new Metrics({ clock: systemClock, messaging });
    const scraping = setInterval(() => void metrics.exposition(), 1_000);
    return { telemetry: metrics, end: () => clearInterval(scraping) };
  },
  traces: () => {
    const tracer = new OtelTracer(messaging, roots);
    return { telemetry: { record: () => undefined, tracer }, end: () => undefined };
  },
} satisfies Readonly<Record<string, Mode>>;

type ModeName = keyof typeof modes;
const names = Object.keys(modes) as ModeName[];

/** Takes all spans and sends them nowhere. */
const exporter: SpanExporter = {
  export: (_, done) => done({ code: 0 }),
  shutdown: async () => undefined,
};

export const telemetry: Benchmark = async (say) => {
  const sdk = new NodeSDK({
    sampler: roots.sampler,
    idGenerator: roots,
    spanProcessors: [new BatchSpanProcessor({ exporter })],
    metricReaders: [],
    logRecordProcessors: [],
    autoDetectResources: false,
  });
  sdk.start();
  const found: Record<ModeName, Round>[] = [];
  for (let round = 0; round < rounds; round++) {
    const measuredNow = new Map<ModeName, Round>();
    // Each comes first, in the middle and last.
    for (const at of names.keys()) {
      const name = names[(at + round) % names.length]!;
      measuredNow.set(name, await measured(modes[name]));
    }
    const all = Object.fromEntries(measuredNow) as Record<ModeName, Round>;
    found.push(all);
    say(`µs a command: ${names.map((name) => `${name} ${all[name].cpu.toFixed(1)}`).join(', ')}`);
  }
  await sdk.shutdown();
  const of = (name: ModeName) => found.map((all) => all[name]);
  const results = [
    {
      label: 'commands, nobody told',
      unit: '/s',
      value: median(of('off').map(({ rate }) => rate)),
    },
  ];
  return [...results, ...comparedWithOff(found, 'metrics'), ...comparedWithOff(found, 'traces')];
};

function comparedWithOff(
  found: readonly Readonly<Record<ModeName, Round>>[],
  name: ModeName,
): readonly Result[] {
  const cpuRatios = found.map((all) => all[name].cpu / all.off.cpu);
  const shown = name === 'traces' ? 'traces at 1 %' : name;
  return [
    {
      label: `commands, ${shown} (ratio to nobody told)`,
      unit: '/s',
      value: median(found.map((all) => all[name].rate)),
      ratio: median(found.map((all) => all[name].rate / all.off.rate)),
    },
    {
      label: `CPU a command, ${shown} (ratio to nobody told)`,
      unit: 'µs',
      value: median(found.map((all) => all[name].cpu)),
      ratio: median(cpuRatios),
    },
    { label: `${shown}: least of these CPU ratios`, unit: '', value: Math.min(...cpuRatios) },
    { label: `${shown}: largest`, unit: '', value: Math.max(...cpuRatios) },
  ];
}

function measured(mode: Mode): Promise<Round> {
  return inFolder(async (folder) => {
    const { end, telemetry } = mode();
    const rig = await openRig(folder, telemetry ? { telemetry } : {});
    const messages = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) => onTheBus(command(from + at)));
    await drive(rig, messages(0, warmUps), concurrent);
    const counted = messages(warmUps, warmUps + count);
    const cpu = process.cpuUsage();
    const start = performance.now();
    await drive(rig, counted, concurrent);
    const seconds = (performance.now() - start) / 1_000;
    const { system, user } = process.cpuUsage(cpu);
    await rig.close();
    end();
    return { rate: count / seconds, cpu: (user + system) / count };
  });
}
