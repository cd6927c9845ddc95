import { cors } from 'hono/cors';
import { type Api, createApi } from './http/api.ts';
import { isOriginAllowed } from './http/origins.ts';
import { addDevTokenRoute } from './http/routes/dev-token.ts';
import { addDeviceSyncRoute } from './http/routes/device-sync.ts';
import { addDeviceRoutes } from './http/routes/devices.ts';
import { addHistoryRoute } from './http/routes/history.ts';
import { addJobRoutes } from './http/routes/jobs.ts';
import { addLookRoutes } from './http/routes/look.ts';
import { addLostRangesRoute } from './http/routes/lost-ranges.ts';
import { addMetricsRoute, addOperationsRoutes } from './http/routes/operations.ts';
import { addQueueRoutes } from './http/routes/queues.ts';
import { addReceiveRoutes } from './http/routes/receive.ts';
import { addReferenceRoutes } from './http/routes/reference.ts';
import { addSendRoute } from './http/routes/send.ts';
import { addTransactionRoute } from './http/routes/transactions.ts';
import type { Authenticator } from './ports/authenticator.ts';
import type { BodySchemas } from './ports/body-schemas.ts';
import type { Clock } from './ports/clock.ts';
import type { Conditions } from './ports/conditions.ts';
import type { Digest } from './ports/digest.ts';
import type { Entropy } from './ports/entropy.ts';
import type { Failpoints } from './ports/failpoints.ts';
import type { AcceptConnection } from './ports/frame-socket.ts';
import type { GatewayStore } from './ports/gateway-store.ts';
import type { Logger } from './ports/logger.ts';
import type { Metrics } from './ports/metrics.ts';
import type { Peers } from './ports/peers.ts';
import type { TokenMinter } from './ports/token-minter.ts';
import { type Arrivals, createArrivals } from './shell/arrivals.ts';
import { DeviceConnection } from './shell/device-connection.ts';
import { guardStore } from './shell/guard-store.ts';
import { type HousekeepingPorts, startHousekeeping } from './shell/housekeeping.ts';
import { createInputRoom, type InputRoom } from './shell/input-room.ts';
import { createIntake, type Intake } from './shell/intake.ts';
import { createJobRunner, type JobRunner } from './shell/job-runner.ts';
import { createLiveSessions, type LiveSessions } from './shell/live-sessions.ts';
import { measureStore } from './shell/measure-store.ts';
import { createMetricsPage } from './shell/metrics-page.ts';
import { sharePeerNews } from './shell/peer-news.ts';
import { startSweeping } from './shell/sweep-loop.ts';

/** What a gateway asks of its surroundings. */
export interface GatewayPorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly digest: Digest;
  readonly conditions: Conditions;
  readonly schemas: BodySchemas;
  readonly logger: Logger;
  readonly authenticator: Authenticator;
  /** Given where several gateways share the store. */
  readonly peers?: Peers;
  /** Given where `GET /metrics` is to be served. */
  readonly metrics?: Metrics;
  /** Given in development mode: then `POST /v1/dev/token` hands out tokens. */
  readonly tokenMinter?: TokenMinter;
  /** Given by tests only. */
  readonly failpoints?: Failpoints;
}

export interface GatewaySettings {
  /** The release, for the API description. */
  readonly version: string;
  /** Origins whose pages may call: `*`, exact, or with `:*` for any port. */
  readonly origins: readonly string[];
  /** Given when a message to an unknown queue creates it (development mode). */
  readonly createQueue?: { readonly maxBodyBytes: number };
  /** Refusals and skips that one answer tells a device; for tests, the protocol's limit by default. */
  readonly fatesTold?: number;
  /** What is being read and what is not committed, of all callers together, in bytes; for tests, 256 MiB by default. */
  readonly inputBytesMax?: number;
  /** How long the ids of server-side producers are remembered, in milliseconds; for ever when absent. */
  readonly producerIdRetentionMs?: number;
  /** How long a closed epoch's marks and refusals are kept, in milliseconds; 180 days by default. */
  readonly epochRetentionMs?: number;
  /** How long fates of messages are kept for devices that do not come to hear them, in milliseconds; 30 days by default. */
  readonly fateRetentionMs?: number;
  /** Called once when the store failed: the process has to end, its state can no longer be known. */
  readonly onStoreFailure: (error: unknown) => void;
}

/** A gateway without a network: whatever carries requests and frames is put around it. */
export interface Gateway {
  /** Begins what goes on by itself: ending messages whose time has run out, and jobs of before. To be called once. */
  start(): Promise<void>;
  /** Answers an HTTP request. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Takes over a live connection. */
  readonly accept: AcceptConnection;
  readonly isOriginAllowed: (origin: string) => boolean;
  /**
   * Takes nothing new, answers what was taken, ends waiting requests and live connections. The store stays open: its
   * owner closes it.
   */
  stop(): Promise<void>;
}

const NO_FAILPOINTS: Failpoints = { reach: () => undefined };
const NO_METRICS: Metrics = {
  count: () => undefined,
  observe: () => undefined,
  set: () => undefined,
  expose: async () => '',
  contentType: 'text/plain',
};
const PREFLIGHT_SECONDS = 600;

/**
 * Puts a gateway together.
 *
 * @since 0.1.0
 */
export function createGateway(ports: GatewayPorts, settings: GatewaySettings): Gateway {
  const { clock, logger, authenticator, failpoints = NO_FAILPOINTS, metrics = NO_METRICS } = ports;
  const guarded = guardStore(ports.store, once(settings.onStoreFailure));
  const store = ports.metrics === undefined ? guarded : measureStore(guarded, { clock, metrics });
  const { arrivals, liveSessions } = sharePeerNews(
    { arrivals: createArrivals(clock), liveSessions: createLiveSessions() },
    ports.peers,
  );
  const creation = settings.createQueue === undefined ? {} : { createQueue: settings.createQueue };
  const telling = settings.fatesTold === undefined ? {} : { fatesTold: settings.fatesTold };
  const inputRoom = createInputRoom(settings.inputBytesMax);
  const intakePorts = { ...ports, store, failpoints, arrivals, liveSessions, inputRoom, metrics };
  const intake = createIntake(intakePorts, { ...creation, ...telling });
  const stopNoticing = store.watchNotices((devices) => liveSessions.noticeFates(devices));
  const stopping = new AbortController();
  const connections = new Set<DeviceConnection>();
  const stopHousekeeping = housekeep({ store, clock, logger }, settings);
  const jobs = createJobRunner({ store, clock, logger, arrivals });
  const mayCall = (origin: string): boolean => isOriginAllowed(settings.origins, origin);

  const corsHandler = corsFor(mayCall);
  const { app, api, seal, document } = createApi({
    authenticator,
    clock,
    logger,
    corsHandler,
    inputRoom,
    metrics,
  });
  const parts = { intake, store, arrivals, liveSessions, jobs, inputRoom, stopping: stopping.signal };
  addRoutes(api, { ...ports, ...parts, failpoints }, creation);
  addReferenceRoutes(app, document, settings);
  seal();

  let stopSweeping = async (): Promise<void> => undefined;

  return {
    start() {
      stopSweeping = startSweeping({ store, clock, logger, arrivals });
      return jobs.resume();
    },
    fetch: (request) => app.fetch(request),
    isOriginAllowed: mayCall,
    accept(principal, socket) {
      const connection = new DeviceConnection(
        { intake, liveSessions, authenticator, clock, logger, failpoints },
        principal,
        socket,
      );
      connections.add(connection);
      connection.closed.then(
        () => connections.delete(connection),
        () => undefined,
      );
      if (stopping.signal.aborted) connection.stop();
      return connection;
    },
    async stop() {
      stopping.abort();
      stopHousekeeping();
      stopNoticing();
      for (const connection of connections) connection.stop();
      await Promise.all([
        stopSweeping(),
        jobs.stop(),
        ...[...connections].map((connection) => connection.closed),
      ]);
    },
  };
}

interface RouteParts extends GatewayPorts {
  readonly failpoints: Failpoints;
  readonly intake: Intake;
  readonly arrivals: Arrivals;
  readonly liveSessions: LiveSessions;
  readonly jobs: JobRunner;
  readonly inputRoom: InputRoom;
  readonly stopping: AbortSignal;
}

/** Every route but those of the reference. */
function addRoutes(
  api: Api,
  parts: RouteParts,
  creation: { readonly createQueue?: { readonly maxBodyBytes: number } },
): void {
  const { metrics, tokenMinter, stopping } = parts;
  addOperationsRoutes(api, stopping);
  if (metrics !== undefined)
    addMetricsRoute(api, {
      contentType: metrics.contentType,
      read: createMetricsPage({ ...parts, metrics }),
    });
  addDeviceSyncRoute(api, parts);
  addQueueRoutes(api, parts);
  addJobRoutes(api, parts);
  addLookRoutes(api, parts);
  addHistoryRoute(api, parts);
  addDeviceRoutes(api, parts);
  addLostRangesRoute(api, parts.store);
  addSendRoute(api, parts, creation);
  addReceiveRoutes(api, parts, { stopping });
  addTransactionRoute(api, parts, creation);
  if (tokenMinter !== undefined) addDevTokenRoute(api, tokenMinter, parts.clock);
}

/** Begins housekeeping, where anything is to be forgotten. Returns the way to stop it. */
function housekeep(ports: HousekeepingPorts, settings: GatewaySettings): () => void {
  const { producerIdRetentionMs, epochRetentionMs, fateRetentionMs } = settings;
  if (producerIdRetentionMs === undefined) return () => undefined;
  const retention = {
    ...(epochRetentionMs === undefined ? {} : { epochRetentionMs }),
    ...(fateRetentionMs === undefined ? {} : { fateRetentionMs }),
  };
  return startHousekeeping(ports, { producerIdRetentionMs, ...retention });
}

function corsFor(mayCall: (origin: string) => boolean): ReturnType<typeof cors> {
  return cors({
    origin: (origin) => (mayCall(origin) ? origin : null),
    allowMethods: ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'],
    allowHeaders: ['authorization', 'content-type'],
    exposeHeaders: ['retry-after'],
    maxAge: PREFLIGHT_SECONDS,
  });
}

function once(listen: (error: unknown) => void): (error: unknown) => void {
  let wasCalled = false;
  return (error) => {
    if (wasCalled) return;
    wasCalled = true;
    listen(error);
  };
}
