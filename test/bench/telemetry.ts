/**
 * What it costs to be looked at: commands from their bytes to their fsynced events, in turn with nobody
 * told, and with all metrics counted and a scrape a second. The machine's mood changes from round to
 * round, so each round has both, and their ratio is what counts; CPU time feels other programs least.
 */
import { Metrics } from '#adapters/otel';
import { systemClock } from '#adapters/system';
import type { Telemetry } from '#runtime';
import { onTheBus } from '#test/messages';
import { type Benchmark, median } from './report.ts';
import { command, drive, inFolder, openRig } from './rig.ts';

const count = 40_000;
const warmUps = 10_000;
const concurrent = 2_048;
const rounds = 7;

interface Round {
  readonly rate: number;
  /** Of all threads, µs a command. */
  readonly cpu: number;
}

/** How a node is looked at; `end` ends the looking. */
type Mode = () => { readonly telemetry?: Telemetry; readonly end: () => void };

const modes = {
  off: () => ({ end: () => undefined }),
  metrics: () => {
    const messaging = { system: 'in_process', destination: 'commands' };
    const metrics = new Metrics({ clock: systemClock, messaging });
    const scraping = setInterval(() => void metrics.exposition(), 1_000);
    return { telemetry: metrics, end: () => clearInterval(scraping) };
  },
} satisfies Readonly<Record<string, Mode>>;

export const telemetry: Benchmark = async (say) => {
  const found: { readonly off: Round; readonly metrics: Round }[] = [];
  for (let round = 0; round < rounds; round++) {
    const isOffFirst = round % 2 === 0;
    const first = await measured(isOffFirst ? modes.off : modes.metrics);
    const second = await measured(isOffFirst ? modes.metrics : modes.off);
    const [off, metrics] = isOffFirst ? [first, second] : [second, first];
    found.push({ off, metrics });
    say(`${off.cpu.toFixed(1)} µs a command, with metrics ${metrics.cpu.toFixed(1)}`);
  }
  const cpuRatios = found.map(({ off, metrics }) => metrics.cpu / off.cpu);
  return [
    { label: 'commands, nobody told', unit: '/s', value: median(found.map(({ off }) => off.rate)) },
    {
      label: 'commands, metrics (ratio to nobody told)',
      unit: '/s',
      value: median(found.map(({ metrics }) => metrics.rate)),
      ratio: median(found.map(({ off, metrics }) => metrics.rate / off.rate)),
    },
    {
      label: 'CPU a command, metrics (ratio to nobody told)',
      unit: 'µs',
      value: median(found.map(({ metrics }) => metrics.cpu)),
      ratio: median(cpuRatios),
    },
    { label: 'least of these CPU ratios', unit: '', value: Math.min(...cpuRatios) },
    { label: 'largest', unit: '', value: Math.max(...cpuRatios) },
  ];
};

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
