/** A Lua script: sent by its digest, and whole to a server that does not know it yet. */
import { hash } from 'node:crypto';
import type { RedisClient } from './connection.ts';

export class Script {
  readonly #lua: string;
  readonly #digest: string;

  constructor(lua: string) {
    this.#lua = lua;
    this.#digest = hash('sha1', lua, 'hex');
  }

  /** Its reply, texts as strings. On a Cluster all keys must lie in one slot. Rejects as the client does. */
  run(
    client: RedisClient,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return this.ask((command, script) =>
      command === 'EVALSHA'
        ? client.evalsha(script, keys.length, ...keys, ...args)
        : client.eval(script, keys.length, ...keys, ...args),
    );
  }

  /** Its reply, in the way that `asking` has of asking for it. */
  async ask<T>(asking: (command: 'EVALSHA' | 'EVAL', script: string) => Promise<T>): Promise<T> {
    try {
      return await asking('EVALSHA', this.#digest);
    } catch (thrown) {
      // A server that was started anew has forgotten it.
      if (!(thrown instanceof Error && thrown.message.startsWith('NOSCRIPT'))) throw thrown;
      return asking('EVAL', this.#lua);
    }
  }
}
