import type { Canary } from '../canary.ts';
import { DEVICE_CANARIES } from './device-canaries.ts';
import { GATEWAY_CANARIES } from './gateway-canaries.ts';
import { QUEUE_CANARIES } from './queue-canaries.ts';

export const ALL_CANARIES: readonly Canary[] = [...GATEWAY_CANARIES, ...QUEUE_CANARIES, ...DEVICE_CANARIES];
