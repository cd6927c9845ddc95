import { type DeviceSettings, offerDevice } from '../../browser/device.ts';

// The page only passes calls on: Workbox's queue lives in the service worker.

let settings: DeviceSettings;

offerDevice({
  async open(given) {
    settings = given;
    await navigator.serviceWorker.register('/worker.js');
    await navigator.serviceWorker.ready;
  },
  saveOneByOne: async (first, count) => ask({ call: 'saveOneByOne', seed: settings.seed, first, count }),
  saveAll: async (first, count) => ask({ call: 'saveAll', seed: settings.seed, first, count }),
  async drain(given) {
    await this.open(given);
    return ask({ call: 'drain' });
  },
  waiting: async () => ask({ call: 'waiting' }),
  async close() {
    const registration = await navigator.serviceWorker.ready;
    await registration.unregister();
  },
});

async function ask(message: object): Promise<number> {
  const { active } = await navigator.serviceWorker.ready;
  if (active === null) throw new Error('the service worker is not active');
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve, reject) => {
    port1.onmessage = ({ data }: MessageEvent<{ value?: number; error?: string }>) => {
      port1.close();
      if (data.value === undefined) reject(new Error(data.error));
      else resolve(data.value);
    };
    active.postMessage(message, [port2]);
  });
}
