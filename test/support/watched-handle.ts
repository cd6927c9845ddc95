import Database from 'better-sqlite3';

/** A way to open database handles that tells what runs on them. */
export interface WatchedHandle {
  readonly open: (file: string) => Database.Database;
  /** The SQL of everything that ran, in order. */
  readonly ran: string[];
  /** The SQL of every statement that was prepared. */
  readonly prepared: Set<string>;
}

export interface WatchedHandleOptions {
  /** Called before each statement runs; what it throws fails the statement. */
  readonly beforeRun?: (sql: string) => void;
  /** What a pragma is said to be, whatever it is. */
  readonly pragmas?: Readonly<Record<string, unknown>>;
}

const RUNS = new Set(['run', 'get', 'all']);

export function createWatchedHandle({ beforeRun, pragmas = {} }: WatchedHandleOptions = {}): WatchedHandle {
  const ran: string[] = [];
  const prepared = new Set<string>();

  const note = (sql: string): void => {
    beforeRun?.(sql);
    ran.push(sql);
  };

  const watchStatement = (statement: Database.Statement): Database.Statement =>
    new Proxy(statement, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        if (typeof property !== 'string' || !RUNS.has(property)) return value.bind(target);
        return (...parameters: unknown[]): unknown => {
          note(target.source);
          return Reflect.apply(value, target, parameters);
        };
      },
    });

  const open = (file: string): Database.Database =>
    new Proxy(new Database(file, { timeout: 0 }), {
      get(target, property) {
        if (property === 'prepare') {
          return (sql: string): Database.Statement => {
            prepared.add(sql);
            return watchStatement(target.prepare(sql));
          };
        }
        if (property === 'pragma') {
          return (source: string, options?: Database.PragmaOptions): unknown => {
            note(`PRAGMA ${source}`);
            const actual = target.pragma(source, options);
            return options?.simple === true && Object.hasOwn(pragmas, source) ? pragmas[source] : actual;
          };
        }
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });

  return { open, ran, prepared };
}
