/** Names and chance, so that tests can hold them still. */
export interface Ids {
  /** A fresh random UUID (v4). */
  random(): string;
  /** The UUIDv5 of a name in CogniSync's own namespace: the same name, the same id, anywhere. */
  named(name: string): string;
  /** A number in [0, 1) for jitter. Not for secrets. */
  chance(): number;
}
