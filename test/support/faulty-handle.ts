import type { StorageFault } from '@fieldpost/gateway/testing/suites';
import Database from 'better-sqlite3';

/** A way to open database handles of which one operation fails. */
export interface FaultyHandle {
  readonly open: (file: string) => Database.Database;
  /** How often the fault struck. */
  struck(): number;
}

const RUNS = new Set(['run', 'get', 'all', 'exec', 'pragma']);

/** Counts every statement that runs on the handle, and fails the one that the fault names. */
export function createFaultyHandle(fault: StorageFault): FaultyHandle {
  let count = 0;
  let struck = 0;

  const perform = (operation: () => unknown): unknown => {
    count += 1;
    if (fault.lasts === 'once' ? count !== fault.at : count < fault.at) return operation();
    struck += 1;
    if (fault.when === 'after') operation();
    const code = fault.kind === 'disk-full' ? 'SQLITE_FULL' : 'SQLITE_IOERR_FSYNC';
    throw new Database.SqliteError(`operation ${count} fails, as told`, code);
  };

  const wrap = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get(_, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        if (property === 'prepare')
          return (...parameters: unknown[]) => wrap(Object(Reflect.apply(value, target, parameters)));
        if (typeof property === 'string' && RUNS.has(property)) {
          return (...parameters: unknown[]) => perform(() => Reflect.apply(value, target, parameters));
        }
        return value.bind(target);
      },
    });

  return { open: (file) => wrap(new Database(file, { timeout: 0 })), struck: () => struck };
}
