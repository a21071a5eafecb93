/** The door to Jira and Confluence: connections, webhooks, and the reading of pages. */
export {
  type Connection,
  ConnectionEntry,
  type Credentials,
  defaultConnections,
  isSigned,
  parseConnections,
} from './connection.ts';
export { type Delivery, type ReadDelivery, readDelivery } from './delivery.ts';
export type { LinkTypeRule, LinkTypeRules } from './link-type.ts';
export { type PageCheckpoint, type PageReaderOptions, pageReaderOf } from './page-reader.ts';
export { authenticate, type Headers, type Query, signatureOf } from './signature.ts';
export { SiteMemory } from './site.ts';
