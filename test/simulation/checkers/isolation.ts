import { grantsOf } from '../gateway/tokens.ts';
import type { Checker } from './checker.ts';

/** Nothing is in a queue whose sender may not send there, and nobody is shown what he may not receive. */
export const isolation: Checker = {
  name: 'isolation',
  about: 'Each message is only where its sender may send, and seen only by who may receive.',
  check: ({ world, history }) => {
    const wrongs: string[] = [];
    for (const { id, queue } of history.arrivals) {
      const device = world.devices.find(({ name }) => name === history.saved.get(id)?.device);
      if (device === undefined || queue !== 'private') continue;
      const { subject } = device.traits;
      if (!grantsOf(subject).send.includes('priv*')) wrongs.push(`${id} of ${subject} is in ${queue}`);
    }
    for (const { checker, detail } of history.scandals) if (checker === 'isolation') wrongs.push(detail);
    return wrongs;
  },
};
