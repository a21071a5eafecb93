/**
 * Which shard an actor belongs to: the unit that a bus with several nodes hands to one of them.
 *
 * The hash is part of the contract between nodes of all versions, and between a message under way and
 * the one that follows it: never change it. FNV-1a over the UTF-16 units of the stream's name, low byte
 * first, then MurmurHash3's last mix, without which names that differ in their last digit only would
 * crowd (FNV's low bits mix badly).
 */
import type { StreamName } from '../envelope.ts';

/** The shard of an address' stream: 0 to `shards` - 1, the same on every node and for ever. */
export function shardOf(stream: StreamName, shards: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < stream.length; at++) {
    const unit = stream.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % shards;
}
