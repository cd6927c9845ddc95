import { type Code, isCode, LIMITS } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import type { ConsumerOptions } from './consumer-options.ts';
import { type LeasedMessage, readReceiveAnswer } from './receive-answer.ts';
import { readSettleAnswer, type SettleRequest, type SettleResult } from './settle-answer.ts';
import type { ConsumerSurroundings } from './surroundings.ts';

/** Calls of the gateway's API for one queue. Each throws FieldpostError; `retryAfterMs` tells how long the gateway asked to wait. */
export class GatewayCalls {
  readonly #options: Pick<ConsumerOptions, 'gateway' | 'token' | 'queue'>;
  readonly #surroundings: ConsumerSurroundings;
  #token: string | undefined;

  constructor(
    options: Pick<ConsumerOptions, 'gateway' | 'token' | 'queue'>,
    surroundings: ConsumerSurroundings,
  ) {
    this.#options = options;
    this.#surroundings = surroundings;
  }

  async receive(
    request: { readonly max: number; readonly leaseMs: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly LeasedMessage[]> {
    const text = JSON.stringify(request);
    return readReceiveAnswer(await this.#post(this.#queuePath('receive'), text, request.waitMs, signal));
  }

  /** One result for each receipt of the request, by receipt. */
  async settle(request: SettleRequest, signal: AbortSignal): Promise<ReadonlyMap<string, SettleResult>> {
    return readSettleAnswer(await this.#post(this.#queuePath('settle'), JSON.stringify(request), 0, signal));
  }

  /** Resolves when the transaction of the request, a JSON text, was done: now, or at an earlier attempt. */
  async transact(request: string, signal: AbortSignal): Promise<void> {
    const answer = await this.#post('/v1/transactions', request, 0, signal);
    if (typeof answer !== 'object' || answer === null || !('messages' in answer))
      throw new FieldpostError('unreachable', 'The answer to a transaction is not one a gateway gives', {
        outcome: 'unknown',
      });
  }

  #queuePath(action: string): string {
    return `/v1/queues/${encodeURIComponent(this.#options.queue)}/${action}`;
  }

  async #post(path: string, text: string, waitMs: number, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#attempt(path, text, waitMs, signal);
    } catch (error) {
      const refused = error instanceof FieldpostError && error.code === 'unauthorized';
      if (!refused || typeof this.#options.token === 'string') throw error;
    }
    // The token ran out, most likely: a fresh one is asked for, once, before it counts as a failure.
    return await this.#attempt(path, text, waitMs, signal);
  }

  async #attempt(path: string, text: string, waitMs: number, signal: AbortSignal): Promise<unknown> {
    const { gateway } = this.#options;
    const base = typeof gateway === 'string' ? gateway : await ask('gateway', gateway);
    const token = await this.#currentToken();
    const ended = new AbortController();
    const end = (): void => ended.abort();
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
    let isLate = false;
    const cancel = this.#surroundings.clock.schedule(waitMs + LIMITS.answerTimeoutMs, () => {
      isLate = true;
      end();
    });
    const url = `${base.replace(/\/+$/, '')}${path}`;
    try {
      const response = await this.#surroundings.fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: text,
        signal: ended.signal,
      });
      const answer = await readJson(response);
      if (response.ok) return answer;
      throw this.#refusal(response, answer, url);
    } catch (cause) {
      if (cause instanceof FieldpostError) throw cause;
      const detail = isLate
        ? `gave no answer within ${LIMITS.answerTimeoutMs} ms`
        : `could not be reached: ${String(cause)}`;
      throw new FieldpostError('unreachable', `${url} ${detail}`, { cause, outcome: 'unknown' });
    } finally {
      cancel();
      signal.removeEventListener('abort', end);
    }
  }

  async #currentToken(): Promise<string> {
    const { token } = this.#options;
    if (typeof token === 'string') return token;
    this.#token ??= await ask('token', token);
    return this.#token;
  }

  #refusal(response: Response, answer: unknown, url: string): FieldpostError {
    const problem = typeof answer === 'object' && answer !== null ? answer : {};
    const detail = 'detail' in problem && typeof problem.detail === 'string' ? `: ${problem.detail}` : '';
    const code = codeOf(response.status, 'code' in problem ? problem.code : undefined);
    if (code === 'unauthorized') this.#token = undefined;
    const error = new CallRefused(code, `${url} answered ${response.status} ${code}${detail}`);
    error.retryAfterMs = readRetryAfterMs(response.headers.get('retry-after'));
    return error;
  }
}

/** The gateway answered, and said no. */
export class CallRefused extends FieldpostError {
  /** How long the gateway asked to wait. */
  retryAfterMs: number | undefined;
}

/** Whether the same call may succeed later without anybody doing anything. */
export function isWorthRepeating(error: unknown, tokenIsAsked: boolean): error is FieldpostError {
  if (!(error instanceof FieldpostError)) return false;
  return error.code === 'unauthorized' ? tokenIsAsked : error.retry !== 'never';
}

async function ask(what: string, give: () => string | Promise<string>): Promise<string> {
  try {
    return await give();
  } catch (cause) {
    throw new FieldpostError('unreachable', `${what}() failed: ${String(cause)}`, { cause });
  }
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    if (!response.ok) return undefined;
    // A captive portal answers everything with 200 and a page.
    throw new FieldpostError(
      'unreachable',
      `${response.url} answered ${response.status} with something that is not JSON`,
      {
        cause,
        outcome: 'unknown',
      },
    );
  }
}

function codeOf(status: number, code: unknown): Code {
  if (typeof code === 'string' && isCode(code)) return code;
  if (status === 401) return 'unauthorized';
  if (status === 408 || status === 429 || status >= 500) return 'busy';
  return status === 404 ? 'not-found' : 'invalid-request';
}

function readRetryAfterMs(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}
