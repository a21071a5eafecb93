/** What a node takes from the machine. */
import type { Clock, Ids, Telemetry } from '#runtime';

export interface NodeSurroundings {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly telemetry: Telemetry;
}
