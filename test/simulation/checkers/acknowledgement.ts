import type { MessageId } from '@fieldpost/protocol';
import { type Checker, rightRefusal } from './checker.ts';

/** A device may forget a message only when the gateways hold it, or when it has written down why they never will. */
export const acknowledgement: Checker = {
  name: 'acknowledgement',
  about: 'What a device wrote down as done with had been committed before, or rightly refused.',
  check: ({ world, history }) => {
    const arrivedAt = new Map<MessageId, number>();
    for (const { id, sequence } of history.arrivals) if (!arrivedAt.has(id)) arrivedAt.set(id, sequence);
    const wrongs: string[] = [];
    for (const { message, code, sequence } of history.claims) {
      const right = rightRefusal(message, world);
      const at = arrivedAt.get(message.id);
      const where = `${message.device}: ${message.id}`;
      if (code === undefined) {
        if (right !== undefined)
          wrongs.push(`${where} passes for delivered and had to be refused as ${right}`);
        else if (at === undefined || at > sequence)
          wrongs.push(`${where} was forgotten as delivered before any gateway had committed it`);
      } else if (code === 'unreadable') {
        if (!message.isDamaged) wrongs.push(`${where} was set aside as unreadable and was not damaged`);
        if (at !== undefined) wrongs.push(`${where} was set aside as unreadable and arrived`);
      } else if (code !== right)
        wrongs.push(`${where} was set aside as ${code}, not as ${right ?? 'delivered'}`);
    }
    return wrongs;
  },
};
