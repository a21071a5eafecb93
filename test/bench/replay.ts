/** History read again: the log alone, then into the graph. */

import { onTheBus } from '#test/messages';
import type { Benchmark } from './report.ts';
import { command, drive, inFolder, openRig } from './rig.ts';

const count = 200_000;

export const replay: Benchmark = (say) =>
  inFolder(async (folder) => {
    say(`${count} events`);
    const rig = await openRig(folder);
    await drive(
      rig,
      Array.from({ length: count }, (_, n) => onTheBus(command(n))),
      2_048,
    );
    const start = performance.now();
    const done = new AbortController();
    let events = 0;
    for await (const batch of rig.log.subscribe({ after: 0, signal: done.signal })) {
      events += batch.events.length;
      if (batch.live) done.abort();
    }
    const seconds = (performance.now() - start) / 1000;
    await rig.close();
    return [{ label: 'log alone', unit: 'events/s', value: events / seconds }];
  });
