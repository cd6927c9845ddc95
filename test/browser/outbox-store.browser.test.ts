import { outboxStoreSuite } from '@fieldpost/sdk/testing/suites';
import { indexedDbPlace } from '../support/indexeddb-place.ts';

outboxStoreSuite('IndexedDB', indexedDbPlace);
