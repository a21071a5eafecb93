/**
 * Query results on their way to those who follow with their session.
 *
 * A node listens to a tenant's channel while somebody here follows with a session of that tenant. Results
 * come from elsewhere and are not in the log: what nobody hears is lost, and what is none is dropped.
 */
import type { Broadcast } from '#runtime';
import type { Follower } from './follower.ts';
import { isQueryResult } from './message.ts';

interface Tenant {
  readonly followers: Set<Follower>;
  readonly end: () => void;
}

export class Sessions {
  readonly #broadcast: Pick<Broadcast, 'subscribe'>;
  readonly #topic: string;
  readonly #tenants = new Map<string, Tenant>();

  constructor(broadcast: Pick<Broadcast, 'subscribe'>, topic: string) {
    this.#broadcast = broadcast;
    this.#topic = topic;
  }

  /** Nothing for a follower without a session. Throws BUS_SATURATED where nobody more may listen. */
  add(follower: Follower): void {
    if (follower.sessionId === undefined) return;
    const { tenantId } = follower;
    const tenant = this.#tenants.get(tenantId) ?? this.#listen(tenantId);
    this.#tenants.set(tenantId, tenant);
    tenant.followers.add(follower);
  }

  remove(follower: Follower): void {
    const tenant = this.#tenants.get(follower.tenantId);
    if (tenant === undefined || !tenant.followers.delete(follower)) return;
    if (tenant.followers.size > 0) return;
    tenant.end();
    this.#tenants.delete(follower.tenantId);
  }

  #listen(tenantId: string): Tenant {
    const followers = new Set<Follower>();
    const end = this.#broadcast.subscribe(
      { tenantId, topic: this.#topic },
      {
        message: (text) => {
          const result = queryResultIn(text);
          if (result === null) return;
          for (const follower of followers) {
            if (follower.sessionId === result.sessionId) follower.tell(result);
          }
        },
        // A result is for who waits for it; nothing keeps it for later.
        missed: () => undefined,
      },
    );
    return { followers, end };
  }
}

function queryResultIn(text: string) {
  try {
    const value: unknown = JSON.parse(text);
    return isQueryResult(value) ? value : null;
  } catch {
    // Whoever published it published no JSON; nobody here waits for that.
    return null;
  }
}
