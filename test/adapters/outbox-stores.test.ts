import { outboxStoreSuite } from '@fieldpost/sdk/testing/suites';
import { OUTBOX_STORES } from './registry.ts';

for (const { folder, makePlace } of OUTBOX_STORES)
  if (makePlace !== undefined) outboxStoreSuite(folder, makePlace);
