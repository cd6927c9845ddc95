import type { StreamKey } from '@fieldpost/protocol';
import type { Snapshot } from '../ports/gateway-store.ts';
import type { ReadPush } from './read-push.ts';

/** Streams of which the device was told more than the store holds. */
export function streamsGoneBack(snapshot: Snapshot, push: ReadPush, subject: string): StreamKey[] {
  const behind = push.runs.filter(({ stream, streamText, acknowledged }) => {
    const owner = snapshot.epochs.get(stream.epoch)?.subject ?? subject;
    if (owner !== subject || snapshot.retired.has(stream.epoch)) return false;
    return acknowledged > (snapshot.streams.get(streamText)?.accepted ?? 0);
  });
  return behind.map(({ stream }) => stream);
}
