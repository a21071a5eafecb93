/** Changes of links and presences folded to their net effects; shared by every store. */
import { Effects } from '../effect.ts';
import type { LinkChange, LinkRow, PresenceRow } from './change.ts';

export class LinksFold {
  readonly links = new Effects<LinkRow>();
  readonly presences = new Effects<PresenceRow>();

  get weight(): number {
    return this.links.weight + this.presences.weight;
  }

  add(changes: readonly LinkChange[]): void {
    for (const { of, change } of changes) {
      if (of === 'link') this.links.add(change);
      else this.presences.add(change);
    }
  }
}
