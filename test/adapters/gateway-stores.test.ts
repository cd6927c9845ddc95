import { gatewayStoreSuite } from '@fieldpost/gateway/testing/suites';
import { GATEWAY_STORES } from './registry.ts';

for (const { folder, createHarness } of GATEWAY_STORES) gatewayStoreSuite(folder, createHarness);
