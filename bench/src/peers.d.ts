// The little that the bench uses of its peers, so that types are checked without installing them.

declare module 'rxdb' {
  export interface RxCollection {
    insert(document: object): Promise<object>;
    bulkInsert(documents: readonly object[]): Promise<{ error: readonly unknown[] }>;
  }
  export interface RxDatabase {
    addCollections(collections: Record<string, { schema: object }>): Promise<Record<string, RxCollection>>;
    close(): Promise<boolean>;
  }
  export function createRxDatabase(options: {
    name: string;
    storage: object;
    multiInstance: boolean;
    eventReduce: boolean;
  }): Promise<RxDatabase>;
}

declare module 'rxdb/plugins/storage-dexie' {
  export function getRxStorageDexie(): object;
}

declare module 'rxdb/plugins/replication' {
  import type { RxCollection } from 'rxdb';
  export function replicateRxCollection(options: {
    replicationIdentifier: string;
    collection: RxCollection;
    live: boolean;
    waitForLeadership: boolean;
    push: { batchSize: number; handler: (rows: readonly unknown[]) => Promise<unknown[]> };
  }): { awaitInitialReplication(): Promise<void> };
}

declare module 'workbox-background-sync' {
  export class Queue {
    constructor(name: string, options: { forceSyncFallback: boolean; onSync: () => Promise<void> });
    pushRequest(entry: { request: Request }): Promise<void>;
    replayRequests(): Promise<void>;
    size(): Promise<number>;
  }
}

declare module 'ioredis' {
  export interface RedisOptions {
    host: string;
    port: number;
    maxRetriesPerRequest: null;
  }
  export class Redis {
    constructor(options: RedisOptions);
    info(section: string): Promise<string>;
    config(action: 'GET', pattern: string): Promise<string[]>;
    disconnect(): void;
  }
}

declare module 'bullmq' {
  import type { RedisOptions } from 'ioredis';
  interface Connected {
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  }
  export interface Queue<Data> extends Connected {
    addBulk(
      jobs: readonly {
        name: string;
        data: Data;
        opts: { removeOnComplete: boolean; removeOnFail: boolean };
      }[],
    ): Promise<unknown>;
    getJobCounts(...states: string[]): Promise<Record<string, number>>;
  }
  export const Queue: new <Data>(name: string, options: { connection: RedisOptions }) => Queue<Data>;
  export interface Worker<Data> extends Connected {
    readonly data?: Data;
    run(): Promise<void>;
    on(event: 'completed', listener: () => void): this;
    on(event: 'failed', listener: (job: unknown, error: Error) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }
  export const Worker: new <Data>(
    name: string,
    process: (job: { readonly data: Data }) => Promise<unknown>,
    options: { connection: RedisOptions; autorun: boolean; concurrency: number },
  ) => Worker<Data>;
}

declare module 'pg-boss' {
  export class PgBoss {
    constructor(options: { connectionString: string; max: number; schedule: boolean; supervise: boolean });
    on(event: 'error', listener: (error: Error) => void): this;
    start(): Promise<unknown>;
    stop(options: { graceful: boolean }): Promise<void>;
    createQueue(name: string, options: { partition: boolean }): Promise<void>;
    insert(name: string, jobs: readonly { data: object }[]): Promise<unknown>;
    fetch<Data>(
      name: string,
      options: { batchSize: number },
    ): Promise<{ readonly id: string; readonly data: Data }[]>;
    complete(name: string, ids: readonly string[]): Promise<unknown>;
    getDb(): { executeSql(sql: string): Promise<{ rows: Record<string, unknown>[] }> };
  }
}

declare module 'amqplib' {
  export interface Delivery {
    readonly content: Buffer;
  }
  export interface Channel {
    assertQueue(
      name: string,
      options: { durable: boolean; arguments: Record<string, string> },
    ): Promise<unknown>;
    checkQueue(name: string): Promise<{ messageCount: number }>;
    prefetch(count: number): Promise<unknown>;
    consume(name: string, hear: (delivery: Delivery | null) => void): Promise<{ consumerTag: string }>;
    ack(delivery: Delivery, allUpTo: boolean): void;
    close(): Promise<void>;
  }
  export interface ConfirmChannel extends Channel {
    sendToQueue(
      name: string,
      content: Buffer,
      options: { persistent: boolean; contentType: string },
    ): boolean;
    waitForConfirms(): Promise<void>;
  }
  export interface Connection {
    readonly connection: { readonly serverProperties: { readonly version: string } };
    createChannel(): Promise<Channel>;
    createConfirmChannel(): Promise<ConfirmChannel>;
    close(): Promise<void>;
  }
  export function connect(url: string, options: { noDelay: boolean }): Promise<Connection>;
}
