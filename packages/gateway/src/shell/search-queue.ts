import type { GatewayStore, PeekPage, PeekRequest } from '../ports/gateway-store.ts';

/** Messages looked at in one turn of a search: others wait so long. */
const SCAN_MAX = 2_000;

/** Looks through a queue in turns, until the page is full, the queue ends, or so many turns were taken. */
export async function searchQueue(
  store: GatewayStore,
  request: PeekRequest,
  turnsMax: number,
): Promise<PeekPage> {
  const found: PeekPage['messages'][number][] = [];
  let { cursor } = request;
  for (let turn = 0; turn < turnsMax; turn++) {
    const from = cursor === undefined ? {} : { cursor };
    const limit = request.limit - found.length;
    const page = await store.peek({ ...request, ...from, limit, scanMax: SCAN_MAX });
    found.push(...page.messages);
    cursor = page.cursor;
    if (cursor === undefined || found.length >= request.limit) break;
  }
  return { messages: found, ...(cursor === undefined ? {} : { cursor }) };
}
