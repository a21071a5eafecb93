/** The door of the bus on Azure Service Bus. */
export { openServiceBus, type ServiceBus, type ServiceBusOptions } from './bus.ts';
export type { Access } from './line.ts';
export { type OutboundTopic, type OutboundTopicOptions, openOutboundTopic } from './outbound.ts';
