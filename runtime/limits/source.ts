/** The sources: what they send, and how they are asked. */
export const sourceLimits = {
  /** A source's host name, as part of entity ids. 11 + 100 + 12 + 128 UTF-16 units make the longest
   *  entity id; two of them and a word still make a relationship id. */
  siteCharsMax: 100,
  /** How far ahead of our clock a source's time may lie before it is not believed. */
  sourceSkewMsMax: 24 * 60 * 60_000,
  /** Messages that one webhook may come to. An issue with 2,000 comments gives 8,000. Above:
   *  MESSAGE_TOO_LARGE. */
  deliveryMessagesMax: 20_000,
  /** Requests to one source at a time; Atlassian answers bursts with 429. */
  sourceRequestsMax: 4,
  /** One request, headers to last byte. Above: SOURCE_UNAVAILABLE. */
  sourceRequestMs: 30_000,
  /** Further attempts of one request, with backoff, before the batch waits for the projector's own. */
  sourceRetriesMax: 5,
  sourceBackoffBaseMs: 500,
  sourceBackoffCapMs: 60_000,
  /** Longest pause that a Retry-After may ask for; more is taken as this much. */
  sourcePauseMsMax: 15 * 60_000,
  /** Pages whose last read is remembered, to save reads while history is replayed. 200 B each. */
  pagesRememberedMax: 10_000,
} as const;
