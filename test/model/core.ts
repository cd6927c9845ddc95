// The parts of the two cores that the model runs, unchanged. They are inner parts of their packages, so they are named
// here by their files, once, instead of being exported to everybody.

export { stepDevice } from '../../packages/sdk/src/core/device/device.ts';
export {
  createDevice,
  type DeviceEffect,
  type DeviceEvent,
  type DeviceState,
  type Signal,
} from '../../packages/sdk/src/core/device/device-state.ts';
export { laneText } from '../../packages/sdk/src/core/lane.ts';
export type { Moment } from '../../packages/sdk/src/core/moment.ts';
export { planReopening } from '../../packages/sdk/src/core/outbox/plan-reopening.ts';
export { planSave, type SeenNumbers } from '../../packages/sdk/src/core/save/plan-save.ts';
export { applyChange } from '../../packages/gateway/src/adapters/memory/apply-change.ts';
export { loadSnapshot } from '../../packages/gateway/src/adapters/memory/load-snapshot.ts';
export { inQueueOrder } from '../../packages/gateway/src/adapters/memory/memory-disk.ts';
export { type AcceptResult, decideAccept } from '../../packages/gateway/src/core/accept.ts';
export { decideCloseEpochs } from '../../packages/gateway/src/core/close-epochs.ts';
export { decideTell, scopeOfFates } from '../../packages/gateway/src/core/tell-fates.ts';
export {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  openConnection,
  stepConnection,
} from '../../packages/gateway/src/core/connection.ts';
export { decideHello, scopeOfHello } from '../../packages/gateway/src/core/hello.ts';
export { type ReadPush, scopeOfCloseEpochs, scopeOfPush } from '../../packages/gateway/src/core/read-push.ts';
export type { Change, Snapshot } from '../../packages/gateway/src/ports/gateway-store.ts';
