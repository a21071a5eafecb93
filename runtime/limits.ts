/**
 * Every bound of the system, in one place, with its unit in its name, its reason, and what happens at
 * it; by owner in `limits/`. Relations between bounds are asserted at the end, so that a careless edit
 * fails at start.
 */
import { actorLimits } from './limits/actor.ts';
import { auditLimits } from './limits/audit.ts';
import { busLimits } from './limits/bus.ts';
import { embeddingLimits } from './limits/embedding.ts';
import { httpLimits } from './limits/http.ts';
import { logLimits } from './limits/log.ts';
import { messageLimits } from './limits/message.ts';
import { queryLimits } from './limits/query.ts';
import { readStoreLimits } from './limits/read-store.ts';
import { redisLimits } from './limits/redis.ts';
import { sourceLimits } from './limits/source.ts';
import { telemetryLimits } from './limits/telemetry.ts';

export const limits = {
  ...messageLimits,
  ...actorLimits,
  ...busLimits,
  ...redisLimits,
  ...logLimits,
  ...readStoreLimits,
  ...sourceLimits,
  ...httpLimits,
  ...queryLimits,
  ...embeddingLimits,
  ...telemetryLimits,
  ...auditLimits,
} as const;

/** The same bounds as plain numbers, so that a test can hold a runtime to smaller ones. */
export type Limits = Readonly<Record<keyof typeof limits, number>>;

const relations: readonly (readonly [boolean, string])[] = [
  [
    limits.turnMessagesMax <= limits.mailboxMessagesMax,
    'a turn takes no more than a mailbox holds',
  ],
  [limits.textCharsMax * 3 < limits.eventBytesMax, 'the longest text fits into one event'],
  [limits.tenantCharsMax + limits.idCharsMax * 4 < 2704, 'tenant and id fit into an index row'],
  [limits.turnMessagesMax <= limits.groupCommitEventsMax, 'a turn fits into one group commit'],
  [limits.eventBytesMax <= limits.subscriptionBatchCharsMax, 'a batch holds the largest event'],
  [limits.messageBytesMax <= limits.httpBodiesBytesMax, 'the largest body may come in'],
  [limits.idCharsMax < limits.chunkIdCharsMax, 'a chunk has a longer name than its entity'],
  [limits.chunkIdCharsMax * 9 < limits.httpHeaderBytesMax, 'any id fits into a URL'],
  [limits.inFlightMessagesMax <= limits.activeActorsMax, 'every message in flight has its actor'],
  [limits.shardsHeldMax >= limits.shards, 'one node alone can hold every shard'],
  [limits.shardMessagesMax <= limits.mailboxMessagesMax, 'a shard in hand fits into one mailbox'],
  [limits.busTickMs * 4 <= limits.busLeaseMs, 'a lease outlasts some tellings that fail'],
  [limits.busSuspectAfter < limits.busHoldersMax, 'a message is handed out alone before the last'],
  [limits.messageBytesMax <= limits.busHeldBytesMax, 'the largest body may be in hand'],
  [limits.deadLettersPageMax <= limits.deadLettersLockedMax, 'a page of letters can be locked'],
  [limits.neighbourhoodNodesMax < limits.cacheTagsMax, 'any neighbourhood can be kept'],
  [
    limits.cachedReadMs <= limits.cacheTtlMsMax,
    'the cache keeps answers for as long as it is told',
  ],
  [limits.cacheWaitMs < limits.cacheLeaseMs, 'who waits for a load gives up before its lease ends'],
  [limits.pageItemsDefault <= limits.pageItemsMax, 'the default page is a legal page'],
  [
    limits.embedSuspectAfter < limits.embedBreakerFailuresMax,
    'a text is suspected before its model is left alone',
  ],
  [limits.foldedCharsMin <= limits.foldedCharsMax, 'the least fold is a legal fold'],
  [limits.loadStatementsMax < limits.readConnectionsMax, 'a load leaves connections to readers'],
  [limits.feedFollowersMax * 2 < limits.httpConnectionsMax, 'others connect beside the feed'],
  [limits.httpUnaskedMs < limits.httpCloseMs, 'idle connections go before busy ones are cut'],
  [limits.feedFarewellMs < limits.httpCloseMs, 'followers are gone before a server cuts the rest'],
  [limits.feedJoiningMax < limits.progressWaitersMax, 'followers that join may wait for the rows'],
];
for (const [holds, claim] of relations) {
  if (!holds) throw new Error(`limits.ts contradicts itself: ${claim}`);
}
