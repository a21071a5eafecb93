/** A node of a bus on a wire of its own, which can freeze and break. */
import type { Bus } from '#runtime';
import type { Recorder } from './telemetry.ts';
import type { Wire } from './wire.ts';

export interface WiredBus<B extends Bus = Bus> {
  readonly bus: B;
  readonly wire: Wire;
  readonly telemetry: Recorder;
  /** It is silent from now on, as a machine that lost its power. */
  vanish(): void;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export function wired<B extends Bus & { close(): Promise<void> }>(
  bus: B,
  wire: Wire,
  telemetry: Recorder,
): WiredBus<B> {
  let isFrozen = false;
  return {
    bus,
    wire,
    telemetry,
    vanish: () => {
      isFrozen = true;
      wire.freeze();
    },
    cut: () => wire.cut(),
    mend: () => wire.mend(),
    close: async () => {
      // On a frozen way nobody says goodbye.
      if (isFrozen) wire.cut();
      await bus.close();
      await wire.close();
    },
  };
}
