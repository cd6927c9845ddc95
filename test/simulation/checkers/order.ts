import { findOutOfOrder } from '../../checkers/order.ts';
import { type Checker, laneOf } from './checker.ts';

/** Messages of one device, queue and priority arrive in the order in which they were saved, over all starts and tabs. */
export const order: Checker = {
  name: 'order',
  about: 'Per device, queue and priority, messages are in their queue in the order of saving.',
  check: ({ world, history }) => {
    const arrived = history.arrivals.filter(({ undoneAt }) => undoneAt === undefined);
    // What a store forgot and one copy of a device could not read was told to be lost, and may turn up from another copy later.
    const mayTurnUp = history.backups.some(({ type }) => type === 'went-back');
    return world.devices.flatMap(({ name, disk }) => {
      const lanes = new Map<string, string[]>();
      const laneById = new Map<string, string>();
      for (const message of disk.log) {
        if (mayTurnUp && message.isDamaged) continue;
        const lane = laneOf(message);
        const ids = lanes.get(lane) ?? [];
        lanes.set(lane, ids);
        ids.push(message.id);
        laneById.set(message.id, lane);
      }
      const arrivals = arrived.flatMap(({ id }) => {
        const lane = laneById.get(id);
        return lane === undefined ? [] : [{ lane, key: id }];
      });
      return findOutOfOrder(lanes, arrivals).map(
        ({ lane, key, after }) => `${name} ${lane}: ${key} arrived behind ${after}, which was saved later`,
      );
    });
  },
};
