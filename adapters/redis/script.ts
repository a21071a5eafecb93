/** A Lua script: sent by its digest, and whole to a server that does not know it yet. */
import { createHash } from 'node:crypto';
import type { RedisClient } from './connection.ts';

export class Script {
  readonly #lua: string;
  readonly #digest: string;

  constructor(lua: string) {
    this.#lua = lua;
    this.#digest = createHash('sha1').update(lua).digest('hex');
  }

  /** Its reply. On a Cluster all keys must lie in one slot. Rejects as the client does. */
  async run(
    client: RedisClient,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await client.evalsha(this.#digest, keys.length, ...keys, ...args);
    } catch (thrown) {
      if (!(thrown instanceof Error) || !thrown.message.startsWith('NOSCRIPT')) throw thrown;
      return client.eval(this.#lua, keys.length, ...keys, ...args);
    }
  }
}
