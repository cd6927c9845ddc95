import type { CpuProfile } from './cpu-profile.ts';

/** Takes profiles of another process. */
export interface NodeProfiler {
  start(): Promise<void>;
  stop(): Promise<CpuProfile>;
  close(): void;
}

const samplingIntervalUs = 200;

/** Connects to a Node process that was started with `--inspect`, at the address that it printed. */
export async function connectNodeProfiler(inspectorUrl: string): Promise<NodeProfiler> {
  const socket = new WebSocket(inspectorUrl);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error(`no inspector at ${inspectorUrl}`)), {
      once: true,
    });
  });
  let calls = 0;
  const call = async (method: string, params: object = {}): Promise<unknown> => {
    const id = ++calls;
    const answered = new Promise<unknown>((resolve, reject) => {
      const hear = ({ data }: MessageEvent<string>): void => {
        const message = JSON.parse(data) as { id?: number; result?: unknown; error?: { message: string } };
        if (message.id !== id) return;
        socket.removeEventListener('message', hear);
        if (message.error === undefined) resolve(message.result);
        else reject(new Error(`${method}: ${message.error.message}`));
      };
      socket.addEventListener('message', hear);
    });
    socket.send(JSON.stringify({ id, method, params }));
    return answered;
  };
  return {
    async start() {
      await call('Profiler.enable');
      await call('Profiler.setSamplingInterval', { interval: samplingIntervalUs });
      await call('Profiler.start');
    },
    async stop() {
      const { profile } = (await call('Profiler.stop')) as { profile: CpuProfile };
      return profile;
    },
    close: () => socket.close(),
  };
}
