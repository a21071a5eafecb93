/**
 * Which shard an actor belongs to: the unit that a bus with several nodes hands to one of them.
 *
 * The hash is part of the contract between nodes of all versions, and between a message under way and
 * the one that follows it: never change it. FNV-1a over the UTF-16 units of the stream's name, low byte
 * first, then MurmurHash3's last mix, without which names that differ in their last digit only would
 * crowd (FNV's low bits mix badly).
 */
import type { StreamName } from '../envelope.ts';
import { fnv1aOfBytes, mixed } from './hash.ts';

/** The shard of an address' stream: 0 to `shards` - 1, the same on every node and for ever. */
export function shardOf(stream: StreamName, shards: number): number {
  return (mixed(fnv1aOfBytes(stream)) >>> 0) % shards;
}
