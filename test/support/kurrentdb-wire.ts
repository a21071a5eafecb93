/** The server's side of KurrentDB's protocol: requests read, answers made, with the client's own definitions. */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import shared from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js';
import wireStatus from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/status_pb.js';
import streams from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import type { Expected, KeptEvent, ProposedEvent, Written } from './kurrentdb-store.ts';

type AppendOptions = InstanceType<typeof streams.AppendReq.Options>;
type BatchOptions = InstanceType<typeof streams.BatchAppendReq.Options>;
type Proposed =
  | InstanceType<typeof streams.AppendReq.ProposedMessage>
  | InstanceType<typeof streams.BatchAppendReq.ProposedMessage>;
export type FilterOptions = InstanceType<typeof streams.ReadReq.Options.FilterOptions>;

export function streamOf(identifier: InstanceType<typeof shared.StreamIdentifier> | undefined) {
  return Buffer.from(identifier!.getStreamName_asU8()).toString();
}

export function expectedOf(options: AppendOptions | BatchOptions): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasStreamExists()) return 'stream_exists';
  return Number('getRevision' in options ? options.getRevision() : options.getStreamPosition());
}

export function proposedOf(message: Proposed): ProposedEvent {
  const metadata = message.getMetadataMap();
  return {
    id: message.getId()!.getString(),
    type: metadata.get('type')!,
    contentType: metadata.get('content-type')!,
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

/** Whether an event is let through; nothing given lets everything through. */
export function passes(filter: FilterOptions | undefined): (event: KeptEvent) => boolean {
  if (filter === undefined) return () => true;
  const isOnStream = filter.hasStreamIdentifier();
  const expression = (isOnStream ? filter.getStreamIdentifier() : filter.getEventType())!;
  const regex = expression.getRegex() === '' ? null : new RegExp(expression.getRegex());
  const prefixes = expression.getPrefixList();
  return ({ stream, type }) => {
    const text = isOnStream ? stream : type;
    return regex?.test(text) ?? prefixes.some((prefix) => text.startsWith(prefix));
  };
}

export function appendAnswer(result: Written) {
  const answer = new streams.AppendResp();
  if (result.kind === 'written') {
    const position = new streams.AppendResp.Position();
    position.setCommitPosition(String(result.position));
    position.setPreparePosition(String(result.position));
    const success = new streams.AppendResp.Success();
    success.setCurrentRevision(String(result.revision));
    success.setPosition(position);
    return answer.setSuccess(success);
  }
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (result.current < 0) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(String(result.current));
  return answer.setWrongExpectedVersion(wrong);
}

export function batchAnswer(result: Written) {
  const answer = new streams.BatchAppendResp();
  if (result.kind === 'written') {
    const position = new shared.AllStreamPosition();
    position.setCommitPosition(String(result.position));
    position.setPreparePosition(String(result.position));
    const success = new streams.BatchAppendResp.Success();
    success.setCurrentRevision(String(result.revision));
    success.setPosition(position);
    return answer.setSuccess(success);
  }
  const wrong = new shared.WrongExpectedVersion();
  if (result.current < 0) wrong.setCurrentNoStream(new empty.Empty());
  else wrong.setCurrentStreamRevision(String(result.current));
  return answer.setError(refusal('event_store.client.WrongExpectedVersion', wrong));
}

export function batchTooLarge(maxBytes: number) {
  const tooLarge = new shared.MaximumAppendSizeExceeded();
  tooLarge.setMaxappendsize(maxBytes);
  const error = refusal('event_store.client.MaximumAppendSizeExceeded', tooLarge);
  return new streams.BatchAppendResp().setError(error);
}

function refusal(name: string, details: { serializeBinary(): Uint8Array }) {
  const packed = new any.Any();
  packed.pack(details.serializeBinary(), name);
  return new wireStatus.Status().setDetails(packed);
}

export function eventAnswer({ id, type, contentType, ...event }: KeptEvent) {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent();
  recorded.setId(new shared.UUID().setString(id));
  recorded.setStreamIdentifier(identifier(event.stream));
  recorded.setStreamRevision(String(event.revision));
  recorded.setCommitPosition(String(event.position));
  recorded.setPreparePosition(String(event.position));
  recorded.getMetadataMap().set('type', type).set('content-type', contentType).set('created', '0');
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.metadata);
  const read = new streams.ReadResp.ReadEvent();
  read.setEvent(recorded);
  read.setCommitPosition(String(event.position));
  return new streams.ReadResp().setEvent(read);
}

export function noStreamAnswer(stream: string) {
  const notFound = new streams.ReadResp.StreamNotFound();
  return new streams.ReadResp().setStreamNotFound(notFound.setStreamIdentifier(identifier(stream)));
}

export function confirmation() {
  const confirmed = new streams.ReadResp.SubscriptionConfirmation();
  return new streams.ReadResp().setConfirmation(confirmed.setSubscriptionId(crypto.randomUUID()));
}

export function caughtUp() {
  return new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp());
}

export function checkpoint(position: number) {
  const reached = new streams.ReadResp.Checkpoint();
  reached.setCommitPosition(String(position)).setPreparePosition(String(position));
  return new streams.ReadResp().setCheckpoint(reached);
}

/** A failure as the server tells it: a gRPC code, and a name where the client knows one. */
export function grpcError(
  code: keyof typeof status,
  details: string,
  trailers: Readonly<Record<string, string>> = {},
): ServiceError {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  return Object.assign(new Error(details), { code: status[code], details, metadata });
}

export function tooLarge(maxBytes: number): ServiceError {
  return grpcError('INVALID_ARGUMENT', `Maximum Append Size of ${maxBytes} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(maxBytes),
  });
}

function identifier(stream: string) {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(stream).toString('base64'));
}
