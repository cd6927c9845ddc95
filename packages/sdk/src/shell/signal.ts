import type { EpochId } from '@fieldpost/protocol';
import type { Signal } from '../core/device/device-state.ts';

/** Raised by any change that another release could misread: tabs of two releases may be open at once. */
const SIGNAL_VERSION = 1;

export function writeSignal(signal: Signal): unknown {
  return { ...signal, v: SIGNAL_VERSION };
}

/** A signal of another tab; undefined for anything else that came over the channel. */
export function readSignal(message: unknown): Signal | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message)) return undefined;
  if (!('v' in message) || message.v !== SIGNAL_VERSION) return undefined;
  switch (message.type) {
    case 'saved':
      return { type: 'saved' };
    case 'settled':
      return { type: 'settled' };
    case 'taken-back':
      return { type: 'taken-back' };
    case 'online':
      return 'online' in message && typeof message.online === 'boolean'
        ? { type: 'online', online: message.online }
        : undefined;
    case 'end-epoch':
      return 'epoch' in message && typeof message.epoch === 'string' && /^[0-9a-f]{32}$/.test(message.epoch)
        ? { type: 'end-epoch', epoch: message.epoch as EpochId }
        : undefined;
    default:
      return undefined;
  }
}
