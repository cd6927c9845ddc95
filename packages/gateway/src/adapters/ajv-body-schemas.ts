import { Ajv2020 } from 'ajv/dist/2020.js';
import { StoreError } from '../core/store-error.ts';
import type { BodyCheck, BodySchemas } from '../ports/body-schemas.ts';

/**
 * JSON Schema (2020-12) by Ajv, without what a hostile schema could make expensive: references, which can go in circles, regular
 * expressions, and comparing all items with each other. What is left takes no longer than schema and body are long.
 */
const KEYWORDS: ReadonlySet<string> = new Set(
  [
    '$schema $comment title description default examples deprecated type enum const properties required',
    'additionalProperties minProperties maxProperties items prefixItems minItems maxItems minLength maxLength minimum',
    'maximum exclusiveMinimum exclusiveMaximum multipleOf anyOf oneOf allOf not if then else dependentRequired',
  ].flatMap((line) => line.split(' ')),
);

/** Under these stand schemas by name, in a list, or one alone; under all others stand plain values. */
const MAPS: ReadonlySet<string> = new Set(['properties']);
const LISTS: ReadonlySet<string> = new Set(['prefixItems', 'anyOf', 'oneOf', 'allOf']);
const SINGLES: ReadonlySet<string> = new Set(['additionalProperties', 'items', 'not', 'if', 'then', 'else']);

const CHARACTERS_MAX = 32 * 1024;
const LEVELS_MAX = 24;
/** Alternatives multiply with their levels: so many schemas in all are enough for any document that people write. */
const SCHEMAS_MAX = 512;
/** Queues with a schema whose checks are kept compiled. */
const COMPILED_MAX = 512;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

export class AjvBodySchemas implements BodySchemas {
  readonly #compiled = new Map<string, BodyCheck>();

  compile(schema: string): BodyCheck {
    const known = this.#compiled.get(schema);
    if (known !== undefined) return known;
    const check = compile(schema);
    if (this.#compiled.size >= COMPILED_MAX) this.#compiled.clear();
    this.#compiled.set(schema, check);
    return check;
  }
}

function compile(text: string): BodyCheck {
  if (text.length > CHARACTERS_MAX) throw refusal(`it has more than ${CHARACTERS_MAX} characters`);
  const schema: unknown = JSON.parse(text);
  inspect(schema, 0, { left: SCHEMAS_MAX });
  const ajv = new Ajv2020({ strict: false, validateSchema: true, logger: false });
  try {
    const validate = ajv.compile(schema as object | boolean);
    return (body) => {
      try {
        return validate(JSON.parse(UTF8.decode(body)));
      } catch {
        // No JSON, or nested more deeply than can be looked at.
        return false;
      }
    };
  } catch (cause) {
    throw refusal(cause instanceof Error ? cause.message.slice(0, 256) : 'it cannot be compiled', cause);
  }
}

/** Refuses what may not stand in a schema, wherever a schema can stand. */
function inspect(schema: unknown, level: number, budget: { left: number }): void {
  if (typeof schema === 'boolean') return;
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    throw refusal('a schema is an object or a boolean');
  budget.left -= 1;
  if (level > LEVELS_MAX || budget.left < 0)
    throw refusal(`more than ${LEVELS_MAX} levels or ${SCHEMAS_MAX} schemas in one`);
  for (const [keyword, value] of Object.entries(schema)) {
    if (!KEYWORDS.has(keyword)) throw refusal(`the keyword "${keyword.slice(0, 64)}" is not supported`);
    const inner = MAPS.has(keyword) && isRecord(value) ? Object.values(value) : [];
    const listed = LISTS.has(keyword) && Array.isArray(value) ? value : [];
    const single = SINGLES.has(keyword) ? [value] : [];
    for (const next of [...inner, ...listed, ...single]) inspect(next, level + 1, budget);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(what: string, cause?: unknown): StoreError {
  return new StoreError('invalid-request', `schema: ${what}`, { cause });
}
