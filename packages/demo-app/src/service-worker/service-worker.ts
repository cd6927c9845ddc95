import {
  cleanupOutdatedCaches,
  createHandlerBoundToURL,
  precacheAndRoute,
  type PrecacheEntry,
} from 'workbox-precaching';
import { NavigationRoute, registerRoute } from 'workbox-routing';

// Keeps the app's shell and its catalogue, and nothing else: what has to reach the office is the outbox's business, which
// does not need this worker.

declare const self: ServiceWorkerGlobalScope & { readonly __WB_MANIFEST: (PrecacheEntry | string)[] };

precacheAndRoute(self.__WB_MANIFEST);
cleanupOutdatedCaches();

registerRoute(
  new NavigationRoute(createHandlerBoundToURL('/index.html'), { denylist: [/^\/office(\/|$)/, /^\/api\//] }),
);

// A first install serves the page that installed it, so that the next reload may be offline.
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

// A new release waits until the person says so: an order being taken is not reloaded away.
self.addEventListener('message', (event) => {
  if (event.data === 'use-new-release') event.waitUntil(self.skipWaiting());
});
