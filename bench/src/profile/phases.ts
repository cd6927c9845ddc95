interface PhaseRule {
  readonly file: RegExp;
  readonly phase: string;
}

// The first rule that fits decides.
const rules: readonly PhaseRule[] = [
  { file: /bench\/src\/(load|orders)|protocol\/src\/rng/, phase: 'bench' },
  { file: /protocol\/src\/(message|entries|utf8|ids)\.ts/, phase: 'messages: encode, split, ids' },
  { file: /protocol\/src\/|@msgpack\/|valibot/, phase: 'frames: encode, decode, check' },
  { file: /sdk\/src\/adapters\/indexeddb|node_modules\/idb\//, phase: 'IndexedDB' },
  { file: /sdk\/src\/core|sdk\/src\/shell|sdk\/src\/(client|api)/, phase: 'SDK: core and shell' },
  { file: /sdk\/src\/adapters|sdk\/src\//, phase: 'SDK: other adapters' },
  { file: /adapters\/sqlite\/group-commit/, phase: 'SQLite: begin and commit' },
  { file: /adapters\/sqlite|better-sqlite3/, phase: 'SQLite: rows' },
  { file: /gateway\/src\/core/, phase: 'gateway: decisions' },
  { file: /gateway\/src\/shell/, phase: 'gateway: shell' },
  { file: /gateway\/src\/http|node_modules\/(hono|@hono|zod|jose)\//, phase: 'HTTP routes, tokens, schemas' },
  { file: /socket\.io|engine\.io|\/ws\/|adapters\/socket-io/, phase: 'socket' },
  { file: /gateway\/src\//, phase: 'gateway: other adapters' },
  { file: /^node:/, phase: "Node's own streams and sockets" },
  { file: /bench\/src\/contestants/, phase: 'app' },
];

/** The phase of work that a file stands for. */
export function phaseOf(file: string): string | undefined {
  return rules.find((rule) => rule.file.test(file))?.phase;
}
