import { CONSUMER_FAULTS } from './consumer-faults.ts';
import { DEVICE_FAULTS } from './device-faults.ts';
import type { FaultKind } from './fault.ts';
import { GATEWAY_FAULTS } from './gateway-faults.ts';
import { NETWORK_FAULTS } from './network-faults.ts';

/** Every kind of fault, by group. */
export const ALL_FAULTS: readonly FaultKind[] = [
  ...NETWORK_FAULTS,
  ...DEVICE_FAULTS,
  ...GATEWAY_FAULTS,
  ...CONSUMER_FAULTS,
];
