import type { Delivery } from '@fieldpost/sdk';
import { type Checker, rightRefusal } from './checker.ts';

/** What apps were told of their messages, and what stands in the lists of dead letters, is what became of them. */
export const fates: Checker = {
  name: 'fates',
  about: 'Apps are told the truth about every message, and what was refused is kept with its body.',
  check: ({ world, history, isDrained }) => {
    const arrived = new Set(history.arrivals.map(({ id }) => id));
    const wrongs: string[] = [];
    const rightFate = (id: string): string => {
      const message = history.saved.get(id as Parameters<typeof history.saved.get>[0]);
      if (message === undefined) return 'nothing';
      const refusal = rightRefusal(message, world);
      if (refusal !== undefined) return `refused ${refusal}`;
      return message.isDamaged && !arrived.has(message.id) ? UNREADABLE : 'delivered';
    };
    const wentBack = history.backups.some(({ type }) => type === 'went-back');
    for (const { id, tab, delivery } of history.told) {
      if (delivery.outcome === 'closed') continue;
      // What the store forgot, one copy of a device may be unable to read, and another brings it again.
      if (wentBack && history.saved.get(id)?.isDamaged && toldAs(delivery) === UNREADABLE) continue;
      if (toldAs(delivery) !== rightFate(id))
        wrongs.push(`${tab} heard ${toldAs(delivery)} of ${id}, which is ${rightFate(id)}`);
    }
    if (!isDrained) return wrongs;
    for (const { name, disk } of world.devices) {
      const letters = new Map(disk.database.deadLetters.map((letter) => [letter.id, letter]));
      for (const message of disk.log) {
        const letter = letters.get(message.id);
        letters.delete(message.id);
        if (message.isDamaged) continue;
        const right = rightRefusal(message, world);
        if (letter?.code !== right)
          wrongs.push(`${name}: ${message.id} is set aside as ${letter?.code}, and should be as ${right}`);
        if (letter !== undefined && letter.message === undefined)
          wrongs.push(`${name}: ${message.id} was set aside without its body`);
      }
    }
    return wrongs;
  },
};

const UNREADABLE = 'unreadable unreadable';

function toldAs(delivery: Delivery): string {
  return 'code' in delivery ? `${delivery.outcome} ${delivery.code}` : delivery.outcome;
}
