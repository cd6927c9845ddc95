import { FieldpostError } from '../core/fieldpost-error.ts';

/** The body of a settle request. Empty lists are left out. */
export interface SettleRequest {
  readonly ack?: readonly string[];
  readonly nack?: readonly { readonly receipt: string; readonly delayMs?: number }[];
  readonly reject?: readonly { readonly receipt: string; readonly reason?: string }[];
  readonly extend?: readonly { readonly receipt: string; readonly leaseMs: number }[];
  readonly release?: readonly string[];
}

export interface SettleResult {
  /** Undefined when it was done. */
  readonly code: string | undefined;
}

/** @throws FieldpostError `unreachable` when the answer is not a gateway's */
export function readSettleAnswer(answer: unknown): ReadonlyMap<string, SettleResult> {
  const results =
    typeof answer === 'object' && answer !== null && 'results' in answer ? answer.results : undefined;
  if (!Array.isArray(results)) throw notAGateways();
  return new Map(results.map(readResult));
}

function readResult(result: unknown): [string, SettleResult] {
  if (typeof result !== 'object' || result === null) throw notAGateways();
  if (!('receipt' in result) || typeof result.receipt !== 'string') throw notAGateways();
  return [
    result.receipt,
    { code: 'code' in result && typeof result.code === 'string' ? result.code : undefined },
  ];
}

function notAGateways(): FieldpostError {
  return new FieldpostError('unreachable', 'The answer to a settle request is not one a gateway gives', {
    outcome: 'unknown',
  });
}
