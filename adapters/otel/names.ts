/**
 * Names of OpenTelemetry's semantic conventions that are used here, as of version 1.44. Copied, not
 * imported: those of messaging and of models are in development, and change only when somebody changes
 * them here.
 */
export const semantic = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  messageId: 'messaging.message.id',
  conversationId: 'messaging.message.conversation_id',
  batchMessages: 'messaging.batch.message_count',
  errorType: 'error.type',
  method: 'http.request.method',
  route: 'http.route',
  status: 'http.response.status_code',
  genAiOperation: 'gen_ai.operation.name',
  genAiProvider: 'gen_ai.provider.name',
  genAiModel: 'gen_ai.request.model',
  genAiDimensions: 'gen_ai.embeddings.dimension.count',
} as const;

/** What the frame calls what it tells of a span, in the words of the conventions; all else is our own. */
export const attributeNames: Readonly<Record<string, string>> = {
  messageId: semantic.messageId,
  correlationId: semantic.conversationId,
  messages: semantic.batchMessages,
  destination: semantic.destination,
  modelOperation: semantic.genAiOperation,
  provider: semantic.genAiProvider,
  model: semantic.genAiModel,
  dimensions: semantic.genAiDimensions,
};
