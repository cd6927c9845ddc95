import { compareLedger } from '../../checkers/ledger.ts';
import { hashBody, type SavedMessage } from '../history.ts';
import { type Checker, laneOf } from './checker.ts';

/** App to disk: what `send()` promised is on the device's disk, once, and what it refused is not. */
export const saving: Checker = {
  name: 'saving',
  about: 'What send() confirmed is on the disk once; what it refused is not there.',
  check: ({ world, history }) => {
    const byBody = new Map<string, SavedMessage[]>();
    for (const message of history.saved.values()) {
      const same = byBody.get(message.bodyHash) ?? [];
      byBody.set(message.bodyHash, same);
      same.push(message);
    }
    const wrongs: string[] = [];
    for (const send of history.sends.values()) {
      const found = byBody.get(hashBody(new TextEncoder().encode(JSON.stringify(send.body)))) ?? [];
      const { key, device, outcome } = send;
      if (outcome === 'saved' && found.length !== 1)
        wrongs.push(`${device}: send ${key} was confirmed and is ${found.length} times on disk`);
      if (outcome === 'saved' && found[0]?.id !== send.id)
        wrongs.push(`${device}: send ${key} was confirmed as ${send.id} and saved as ${found[0]?.id}`);
      // A copy that cannot be read keeps its id from being used again, and does not answer for it.
      if (outcome === 'failed' && found.some(({ isDamaged }) => !isDamaged))
        wrongs.push(`${device}: send ${key} failed and is on disk`);
      if (found.length > 1) wrongs.push(`${device}: send ${key} is ${found.length} times on disk`);
    }
    return [...wrongs, ...findLostFromDisk(world.devices, [...history.saved.values()])];
  },
};

/** Everything that was ever saved and that no fault took away is still in a log. */
function findLostFromDisk(
  devices: readonly { readonly disk: { readonly log: ReadonlySet<SavedMessage> } }[],
  saved: readonly SavedMessage[],
): string[] {
  const present = new Set(devices.flatMap(({ disk }) => [...disk.log]));
  const lanes = new Map<string, string[]>();
  for (const message of saved) {
    if (message.isExcused) continue;
    const lane = `${message.device} ${laneOf(message)}`;
    const ids = lanes.get(lane) ?? [];
    lanes.set(lane, ids);
    ids.push(message.id);
  }
  const kept = saved.filter((message) => !message.isExcused && present.has(message)).map(({ id }) => id);
  return compareLedger(lanes, kept).lost.map(
    ({ lane, key, place }) => `${lane}: ${key} was saved and is gone from the disk (${place})`,
  );
}
