import type { Hints } from '../../ports/hints.ts';

/** The page's own news: back online, looked at again, out of the back/forward cache. */
export function createPageHints(): Hints {
  return {
    subscribe(hear) {
      const target: EventTarget = globalThis;
      const page = typeof document === 'undefined' ? undefined : document;
      const seen = (): void => {
        if (page?.visibilityState === 'visible') hear();
      };
      if (typeof target.addEventListener !== 'function') return () => undefined;
      target.addEventListener('online', hear);
      target.addEventListener('pageshow', hear);
      page?.addEventListener('visibilitychange', seen);
      return () => {
        target.removeEventListener('online', hear);
        target.removeEventListener('pageshow', hear);
        page?.removeEventListener('visibilitychange', seen);
      };
    },
  };
}
