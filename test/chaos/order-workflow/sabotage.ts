// Loaded before an agent: kills it at a chosen place of a completion, and can take the transaction apart. The agent's own
// code is left as it is.
//
// WORKFLOW_DIE_AT=before:3     before the third completion leaves the process
// WORKFLOW_DIE_AT=after:3      when the gateway's first answer to it has come
// WORKFLOW_SEPARATE=send-first, ack-first: sends and acknowledges in two calls, in this order

const [place = '', at = '0'] = (process.env['WORKFLOW_DIE_AT'] ?? '').split(':');
const separate = process.env['WORKFLOW_SEPARATE'];
const plainFetch = globalThis.fetch;
let completions = 0;

globalThis.fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input);
  if (!url.endsWith('/v1/transactions')) return plainFetch(input, init);
  completions += 1;
  const dieHere = dieAtPlace(completions);
  dieHere('before');
  if (separate === undefined) {
    const response = await plainFetch(input, init);
    dieHere('after');
    return response;
  }
  const { settle, send } = JSON.parse(typeof init?.body === 'string' ? init.body : '') as Transaction;
  const post = async (queue: string, action: string, body: unknown): Promise<void> => {
    const path = url.replace(/transactions$/, `queues/${queue}/${action}`);
    const response = await plainFetch(path, { ...init, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
  };
  const steps = [
    async () => {
      for (const { queue, ...message } of send) await post(queue, 'messages', message);
    },
    async () => {
      for (const { queue, receipt } of settle) await post(queue, 'settle', { ack: [receipt] });
    },
  ];
  if (separate === 'ack-first') steps.reverse();
  await steps[0]?.();
  dieHere('after');
  await steps[1]?.();
  return Response.json({ messages: [] });
};

interface Transaction {
  readonly settle: readonly { readonly queue: string; readonly receipt: string }[];
  readonly send: readonly { readonly queue: string }[];
}

/** Several completions are under way at once: each knows its own number. */
function dieAtPlace(completion: number): (here: string) => void {
  return (here) => {
    if (place === here && completion === Number(at)) process.kill(process.pid, 'SIGKILL');
  };
}
