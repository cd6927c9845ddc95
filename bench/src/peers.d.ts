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
