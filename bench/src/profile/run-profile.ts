import { join } from 'node:path';
import { type BenchContext, inFolder } from '../bench-context.ts';
import { startDeviceRun } from '../browser/device-run.ts';
import { fieldpost } from '../contestants/fieldpost/contestant.ts';
import { freePort, type GatewayProcess, startGateway } from '../contestants/fieldpost/gateway.ts';
import { startLoadProcess } from '../load/load-process.ts';
import { type CpuProfile, type ProfileSummary, summarise } from './cpu-profile.ts';
import { locateInBundle, locateInNode } from './locate.ts';
import { connectNodeProfiler } from './node-profiler.ts';
import { profilePage } from './page-profiler.ts';
import { phaseOf } from './phases.ts';

/** Where the time goes in one piece of work, on one side. */
export interface ProfiledWork {
  readonly title: string;
  readonly summary: ProfileSummary;
}

const inspect = ['--inspect=127.0.0.1:0'];
const receiveMessages = 2000;

/** Profiles a burst and a drain of the SDK, and what the gateway does meanwhile, at full intake and for a consumer. */
export async function runProfile(context: BenchContext): Promise<ProfiledWork[]> {
  return [...(await profileDrain(context)), ...(await profileGateway(context))];
}

async function profileDrain(context: BenchContext): Promise<ProfiledWork[]> {
  const messages = context.sizes.drain;
  let gateway: GatewayProcess | undefined;
  const contestant = fieldpost({ gatewayNodeOptions: inspect, onGateway: (started) => (gateway = started) });
  const pages = join(context.folder, 'pages');
  await contestant.prepare(pages);
  const locate = locateInBundle(join(pages, 'fieldpost'));
  const onDevice = (profile: CpuProfile): ProfileSummary => summarise(profile, locate, phaseOf);
  return inFolder(context, async (folder) => {
    const run = await startDeviceRun(contestant, { folder, seed: context.seed });
    try {
      context.say(`profile: a burst and a drain of ${messages} orders`);
      const burst = await profilePage(run.page, async () => run.saveAll(0, messages));
      await run.comeOnline();
      let drain: CpuProfile | undefined;
      const atGateway = await profileProcess(gateway, async () => {
        drain = await profilePage(run.page, async () => run.drain());
      });
      await run.checkDelivered(messages);
      if (drain === undefined) throw new Error('no profile of the drain');
      return [
        { title: `Device, ${messages} sends at once (the page's main thread)`, summary: onDevice(burst) },
        { title: `Device, drain of ${messages} (the page's main thread)`, summary: onDevice(drain) },
        { title: `Gateway, drain of ${messages} from one browser`, summary: inNode(atGateway) },
      ];
    } finally {
      await run.stop();
    }
  });
}

async function profileGateway(context: BenchContext): Promise<ProfiledWork[]> {
  return inFolder(context, async (folder) => {
    const gateway = await startGateway(folder, await freePort(), inspect);
    const load = startLoadProcess();
    try {
      const target = { kind: 'fieldpost', url: gateway.url, token: await gateway.token() } as const;
      const send = async (devices: number, messages: number): Promise<unknown> =>
        load.load({ target, seed: context.seed, devices, messages, batchMessages: 512, inFlight: 4 });
      const consume = async (messages: number): Promise<unknown> =>
        load.consume({ target, messages, concurrency: 10 });
      await send(1, receiveMessages);
      context.say(`profile: a consumer of ${receiveMessages} messages`);
      const receiving = await profileProcess(gateway, async () => consume(receiveMessages));
      const messages = context.sizes.name === 'tiny' ? 1000 : 200_000;
      context.say(`profile: intake of ${messages} messages`);
      const intake = await profileProcess(gateway, async () => send(10, messages));
      return [
        { title: `Gateway, intake of ${messages} from 10 devices`, summary: inNode(intake) },
        { title: `Gateway, a consumer of ${receiveMessages}, 10 at once`, summary: inNode(receiving) },
      ];
    } finally {
      await load.stop();
      await gateway.stop();
    }
  });
}

async function profileProcess(
  gateway: GatewayProcess | undefined,
  work: () => Promise<unknown>,
): Promise<CpuProfile> {
  const url = gateway?.inspectorUrl();
  if (url === undefined) throw new Error('the gateway was not started with an inspector');
  const profiler = await connectNodeProfiler(url);
  try {
    await profiler.start();
    await work();
    return await profiler.stop();
  } finally {
    profiler.close();
  }
}

function inNode(profile: CpuProfile): ProfileSummary {
  return summarise(profile, locateInNode, phaseOf);
}
