/** The name of a broadcast channel: `topic:tenant`. Both are checked, so that no name is another's. */
import { RuntimeError } from '../errors.ts';
import type { Channel } from '../ports/broadcast.ts';
import { assertTenant } from './tenant.ts';

const topicPattern = /^[A-Za-z0-9_.:-]{1,128}$/;

/** Throws INVARIANT_BROKEN for a channel that is none. */
export function channelText({ tenantId, topic }: Channel): string {
  assertTenant(tenantId);
  // A tenant has no colon, so that the last one parts the two.
  if (topicPattern.test(topic)) return `${topic}:${tenantId}`;
  throw new RuntimeError('INVARIANT_BROKEN', 'no channel has this topic', { data: { topic } });
}
