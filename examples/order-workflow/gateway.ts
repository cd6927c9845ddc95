/** The address of the gateway. */
export function gatewayUrl(): string {
  return process.env['FIELDPOST_URL'] ?? 'http://127.0.0.1:4100';
}

/** The token of the environment; without one, a token of the gateway's development mode. */
export async function token(): Promise<string> {
  const given = process.env['FIELDPOST_TOKEN'];
  if (given !== undefined) return given;
  const response = await fetch(`${gatewayUrl()}/v1/dev/token`, { method: 'POST' });
  const answer: unknown = await response.json();
  if (typeof answer === 'object' && answer !== null && 'token' in answer && typeof answer.token === 'string')
    return answer.token;
  throw new Error('no token: set FIELDPOST_TOKEN, or start the gateway in development mode');
}

/** A call of the HTTP API. */
export async function call(method: string, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${gatewayUrl()}${path}`, {
    method,
    headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}
