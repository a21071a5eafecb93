/** Chat: a language model that writes an answer from a prompt. */

export interface ChatPrompt {
  readonly system: string;
  readonly user: string;
}

export interface Chat {
  /** What the endpoint calls it. */
  readonly model: string;
  /**
   * The answer, in pieces as the model writes them. Ends when the answer does, or when the reader leaves
   * the loop, which ends the request too. Throws CHAT_UNAVAILABLE (retry; also where the answer breaks
   * off), CHAT_REFUSED (the configuration is wrong, or the model will not), or the signal's reason.
   */
  answer(prompt: ChatPrompt, signal: AbortSignal): AsyncIterable<string>;
  close(): Promise<void>;
}
