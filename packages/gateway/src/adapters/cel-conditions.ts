import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js';
import { StoreError } from '../core/store-error.ts';
import type { ArrivingMessage, Condition, Conditions } from '../ports/conditions.ts';

/**
 * Conditions in the Common Expression Language (https://cel.dev): no loops, no state, no side effects. What is left out
 * of it here is what a hostile message could make expensive: regular expressions, loops within loops, and functions that
 * build ever longer texts.
 */
export class CelConditions implements Conditions {
  readonly #compiled = new Map<string, Condition>();

  compile(source: string): Condition {
    const known = this.#compiled.get(source);
    if (known !== undefined) return known;
    const condition = compile(source);
    if (this.#compiled.size >= COMPILED_MAX) this.#compiled.clear();
    this.#compiled.set(source, condition);
    return condition;
  }
}

/** Far more than one gateway's queues have rules; dropping all of them costs one parse each. */
const COMPILED_MAX = 10_000;

/** A condition is a line or two, not a program. */
const SOURCE_CHARACTERS = 2048;

const environment = new Environment({
  unlistedVariablesAreDyn: false,
  limits: { maxAstNodes: 256, maxDepth: 32, maxListElements: 128, maxMapEntries: 32, maxCallArguments: 8 },
})
  .registerVariable('queue', 'string')
  .registerVariable('priority', 'int')
  .registerVariable('device', 'string')
  .registerVariable('contentType', 'string')
  .registerVariable('headers', 'map<string, string>')
  .registerVariable('label', 'string')
  .registerVariable('correlationId', 'string')
  .registerVariable('groupId', 'string')
  .registerVariable('body', 'dyn');

const LOOPS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one']);
const FUNCTIONS: ReadonlySet<string> = new Set([
  ...LOOPS,
  'has',
  'size',
  'startsWith',
  'endsWith',
  'contains',
  'lowerAscii',
  'upperAscii',
  'trim',
  'int',
  'double',
  'string',
]);

function compile(source: string): Condition {
  const parsed = parse(source);
  checkCalls(parsed.ast, source, false);
  const { valid, type, error } = parsed.check();
  if (!valid) throw refused(source, error?.summary ?? 'its types do not fit');
  if (type !== 'bool') throw refused(source, `it gives ${type ?? 'no type'}, not true or false`);
  const looksAtBody = names(parsed.ast).has('body');
  return (message) => {
    try {
      return parsed(contextOf(message, looksAtBody)) === true;
    } catch {
      return false;
    }
  };
}

function parse(source: string): ParseResult {
  if (source.length > SOURCE_CHARACTERS)
    throw refused(`${source.slice(0, 64)}…`, `it is longer than ${SOURCE_CHARACTERS} characters`);
  try {
    return environment.parse(source);
  } catch (error) {
    throw refused(source, error instanceof Error ? firstLine(error.message) : 'it cannot be read', error);
  }
}

function refused(source: string, why: string, cause?: unknown): StoreError {
  return new StoreError('invalid-request', `the condition ${JSON.stringify(source)} is none: ${why}`, {
    cause,
  });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

/** Refuses functions that are not of the list, and loops within loops. */
function checkCalls(node: ASTNode, source: string, isInLoop: boolean): void {
  const name = node.op === 'call' || node.op === 'rcall' ? node.args[0] : undefined;
  if (name !== undefined && !FUNCTIONS.has(name))
    throw refused(source, `${name}() cannot be used here; there are ${[...FUNCTIONS].join(', ')}`);
  const isLoop = name !== undefined && LOOPS.has(name);
  if (isLoop && isInLoop) throw refused(source, `${name}() stands within another loop`);
  for (const child of childrenOf(node)) checkCalls(child, source, isInLoop || isLoop);
}

function names(node: ASTNode, found = new Set<string>()): ReadonlySet<string> {
  if (node.op === 'id') found.add(node.args);
  for (const child of childrenOf(node)) names(child, found);
  return found;
}

function childrenOf(node: ASTNode): ASTNode[] {
  return nodesIn(node.args);
}

function nodesIn(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(nodesIn);
  return isNode(args) ? [args] : [];
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

function contextOf(message: ArrivingMessage, looksAtBody: boolean): Record<string, unknown> {
  const { contentType = 'application/json', headers, label, correlationId, groupId } = message.properties;
  return {
    queue: message.queue,
    priority: BigInt(message.priority),
    device: message.device,
    contentType,
    headers: headers ?? {},
    label: label ?? '',
    correlationId: correlationId ?? '',
    groupId: groupId ?? '',
    body: looksAtBody ? jsonOf(message.body, contentType) : null,
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Null for what is no JSON: every look into it then fails, so the condition is not met. */
function jsonOf(body: Uint8Array, contentType: string): unknown {
  if (!/^application\/(?:[a-z0-9.+-]+\+)?json\b/i.test(contentType)) return null;
  try {
    const value: unknown = JSON.parse(utf8.decode(body));
    return value;
  } catch {
    return null;
  }
}
