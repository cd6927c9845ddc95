import type { MessageId } from '@fieldpost/protocol';
import type { Arrival } from '../history.ts';
import { type Checker, rightRefusal } from './checker.ts';

/** A device may forget a message only when the gateways hold it, or when it has written down why they never will. */
export const acknowledgement: Checker = {
  name: 'acknowledgement',
  about: 'What a device wrote down as done with had been committed before, or rightly refused.',
  check: ({ world, history }) => {
    const arrivals = new Map<MessageId, Arrival[]>();
    for (const arrival of history.arrivals)
      arrivals.set(arrival.id, [...(arrivals.get(arrival.id) ?? []), arrival]);
    const wrongs: string[] = [];
    for (const { message, code, sequence } of history.claims) {
      const right = rightRefusal(message, world);
      const own = arrivals.get(message.id) ?? [];
      const where = `${message.device}: ${message.id}`;
      if (code === undefined) {
        if (right !== undefined)
          wrongs.push(`${where} passes for delivered and had to be refused as ${right}`);
        else if (!own.some((arrival) => arrival.sequence < sequence))
          wrongs.push(`${where} was forgotten as delivered before any gateway had committed it`);
      } else if (code === 'unreadable') {
        if (!message.isDamaged) wrongs.push(`${where} was set aside as unreadable and was not damaged`);
        if (own.some((arrival) => isThereAt(arrival, sequence)))
          wrongs.push(`${where} was set aside as unreadable and had arrived`);
      } else if (code !== right)
        wrongs.push(`${where} was set aside as ${code}, not as ${right ?? 'delivered'}`);
    }
    return wrongs;
  },
};

/** Whether it had come and the store had not gone back to before it. */
function isThereAt({ sequence, undoneAt }: Arrival, moment: number): boolean {
  return sequence < moment && (undoneAt === undefined || undoneAt > moment);
}
