/** Bodies of a queue at a gateway, in its order; none when there is no such queue. */
export async function bodiesInQueue(
  gateway: { readonly url: string },
  token: string,
  queue: string,
): Promise<readonly unknown[]> {
  const bodies: unknown[] = [];
  for (let cursor = ''; ;) {
    const query = `limit=256&bodies=auto${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const response = await fetch(`${gateway.url}/v1/queues/${queue}/messages?${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    if (response.status === 404) return bodies;
    const answer: unknown = await response.json();
    const messages: unknown = Reflect.get(Object(answer), 'messages');
    if (!Array.isArray(messages)) throw new Error(`no messages: ${JSON.stringify(answer)}`);
    for (const message of messages) bodies.push(Reflect.get(Object(message), 'body'));
    const next: unknown = Reflect.get(Object(answer), 'cursor');
    if (typeof next !== 'string') return bodies;
    cursor = next;
  }
}
