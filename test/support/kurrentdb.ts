/**
 * A stand-in for a KurrentDB server: real gRPC on a free port of this process, made with the service
 * definitions in the client's own package, so that the unmodified client talks to it.
 *
 * It has the server's rules (`kurrentdb-store.ts`) and faults at will (`kurrentdb-streams.ts`), keeps
 * what it holds over a restart, and checks passwords where it is asked to and the line is encrypted.
 */
import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import gossipGrpc from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/gossip_grpc_pb.js';
import gossip from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/gossip_pb.js';
import featuresGrpc from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_grpc_pb.js';
import features from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_pb.js';
import streamsGrpc from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_grpc_pb.js';
import { KurrentStore } from './kurrentdb-store.ts';
import { type KurrentFaults, KurrentStreams } from './kurrentdb-streams.ts';
import { grpcError } from './kurrentdb-wire.ts';

/**
 * The client waits this long before each attempt to find the server, before the first one too, half a
 * second if not told; a test that opens a log would spend most of its time there.
 */
export const soon = 'discoveryInterval=20';

export interface KurrentOptions {
  readonly port?: number;
  /** `name:password` of the only user; needs TLS. */
  readonly user?: string;
  readonly tls?: { readonly key: string; readonly certificate: string };
  readonly store?: KurrentStore;
}

export class KurrentStandIn {
  readonly store: KurrentStore;
  readonly faults: KurrentFaults = {
    lostAnswers: 0,
    lostAppends: 0,
    silentReads: false,
    silentSubscriptions: false,
    hold: null,
    silent: false,
    refusal: null,
    appendBytesMax: 16 * 1024 * 1024,
  };
  readonly streams: KurrentStreams;
  readonly #options: KurrentOptions;
  #server: Server | null = null;
  port: number;

  private constructor(options: KurrentOptions) {
    this.#options = options;
    this.port = options.port ?? 0;
    this.store = options.store ?? new KurrentStore();
    this.streams = new KurrentStreams(this.store, this.faults);
  }

  static async start(options: KurrentOptions = {}): Promise<KurrentStandIn> {
    const standIn = new KurrentStandIn(options);
    await standIn.start();
    return standIn;
  }

  /** For a client without a user and without TLS. */
  get url(): string {
    return `kurrentdb://127.0.0.1:${this.port}?tls=false&${soon}`;
  }

  /** Listens again on the same port, with what it held. */
  async start(): Promise<void> {
    const { user, tls } = this.#options;
    const bytes = { 'grpc.max_receive_message_length': 17 * 1024 * 1024 };
    const server = new Server({ ...bytes, interceptors: user ? [onlyFor(user)] : [] });
    const { streams } = this;
    server.addService(streamsGrpc.StreamsService, {
      append: (call, done) => streams.append(call, done),
      batchAppend: (call) => streams.batchAppend(call),
      read: (call) => streams.read(call),
      delete: (_call, done) => done(grpcError('UNIMPLEMENTED', 'no deletes here')),
      tombstone: (_call, done) => done(grpcError('UNIMPLEMENTED', 'no deletes here')),
    } satisfies streamsGrpc.IStreamsServer);
    server.addService(featuresGrpc.ServerFeaturesService, {
      getSupportedMethods: (_call, done) => done(null, supportedMethods()),
    } satisfies featuresGrpc.IServerFeaturesServer);
    server.addService(gossipGrpc.GossipService, {
      read: (_call, done) => done(null, clusterOf(this.port)),
    } satisfies gossipGrpc.IGossipServer);
    const credentials = tls
      ? ServerCredentials.createSsl(null, [
          { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.certificate) },
        ])
      : ServerCredentials.createInsecure();
    this.port = await new Promise((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${this.port}`, credentials, (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    );
    this.#server = server;
  }

  /** Ends every connection in the middle of what it does, as a killed server. */
  kill(): void {
    this.#server?.forceShutdown();
    this.#server = null;
  }
}

function supportedMethods() {
  const { batchAppend } = streamsGrpc.StreamsService;
  const [, service = '', method = ''] = batchAppend.path.split('/');
  const supported = new features.SupportedMethod();
  supported.setServiceName(service).setMethodName(method.toLowerCase());
  const answer = new features.SupportedMethods();
  return answer.setMethodsList([supported]).setEventStoreServerVersion('25.0.0');
}

/** A cluster of one. */
function clusterOf(port: number) {
  const endPoint = new gossip.EndPoint().setAddress('127.0.0.1').setPort(port);
  const member = new gossip.MemberInfo()
    .setState(gossip.MemberInfo.VNodeState.LEADER)
    .setIsAlive(true)
    .setTimeStamp('0')
    .setHttpEndPoint(endPoint);
  return new gossip.ClusterInfo().setMembersList([member]);
}

/** Refuses calls on streams that do not carry this user's name and password. */
function onlyFor(user: string): ServerInterceptor {
  const authorization = `Basic ${Buffer.from(user).toString('base64')}`;
  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            const isKnown = metadata.get('authorization')[0] === authorization;
            if (isKnown || !path.includes('.streams.')) proceed(metadata);
            else call.sendStatus({ code: 16, details: 'Unauthenticated' });
          },
        }),
    });
}
