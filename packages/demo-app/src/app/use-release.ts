import { useEffect, useState } from 'react';

const checkEveryMs = 30 * 60_000;

/**
 * Registers the service worker and tells when a new release of the app waits. The returned way to use it reloads the page
 * with it; until then the page keeps the release it started with.
 */
export function useRelease(): { readonly waiting: boolean; readonly use: () => void } {
  const [waiting, setWaiting] = useState<ServiceWorker>();
  useEffect(() => {
    if (!('serviceWorker' in navigator)) return undefined;
    const stop = new AbortController();
    void register(setWaiting, stop.signal).catch(reportError);
    return () => stop.abort();
  }, []);
  const use = (): void => {
    if (waiting === undefined) return;
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    waiting.postMessage('use-new-release');
  };
  return { waiting: waiting !== undefined, use };
}

async function register(found: (worker: ServiceWorker) => void, signal: AbortSignal): Promise<void> {
  const registration = await navigator.serviceWorker.register('/service-worker.js', { scope: '/' });
  if (signal.aborted) return;
  // Without a controller this is the first install, which is no new release.
  const offer = (worker: ServiceWorker | null): void => {
    if (worker?.state === 'installed' && navigator.serviceWorker.controller !== null) found(worker);
  };
  offer(registration.waiting);
  registration.addEventListener(
    'updatefound',
    () => {
      const worker = registration.installing;
      worker?.addEventListener('statechange', () => offer(worker), { signal });
    },
    { signal },
  );
  // Offline, an update check fails, and the next one comes by itself.
  const timer = setInterval(() => void registration.update().catch(() => undefined), checkEveryMs);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
