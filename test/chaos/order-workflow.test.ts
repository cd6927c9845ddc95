import { createRng, type Rng } from '@fieldpost/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { AGENTS, Workflow } from './order-workflow/workflow.ts';

// examples/order-workflow as it stands, with processes that die. At the end every order has been invoiced once, or asked
// about once, whatever died when.

const SEED = 'order-workflow-1';
const DRAIN_WITHIN_MS = 60_000;

let workflow: Workflow;
beforeEach(async () => {
  workflow = await Workflow.start();
});
afterEach(() => workflow.dispose());

test('without any faults, as its page says', { timeout: 90_000 }, async () => {
  expect(await workflow.run('send-orders.ts', '20')).toBe(0);
  expect(await workflow.run('send-orders.ts', '20')).toBe(0);
  for (const agent of AGENTS) workflow.startAgent(agent);
  await workflow.drain(DRAIN_WITHIN_MS);
  const orders = Array.from({ length: 20 }, (_, index) => ({
    number: `A-${index + 1}`,
    customer: `customer ${(index % 7) + 1}`,
    pieces: (index % 25) + 1,
    total: index % 10 === 9 ? 250_000 : 1_000 + index,
  }));
  expect(await workflow.compare(orders)).toEqual([]);
});

test('agents that die before and behind their completions', { timeout: 120_000 }, async () => {
  await workflow.makeQueues();
  await workflow.sendOrders(60);
  const places = new Map(
    AGENTS.map((agent) => [agent, ['after:3', 'before:2', 'after:1', 'after:4', 'before:1']]),
  );
  workflow.nextSettings = (agent) => dieAt(places.get(agent)?.shift());
  for (const agent of AGENTS) workflow.startAgent(agent);
  await until(() => workflow.deaths >= 15, { withinMs: DRAIN_WITHIN_MS, what: 'every death has happened' });
  await workflow.drain(DRAIN_WITHIN_MS);
  expect(await workflow.compare()).toEqual([]);
});

test.each(['transaction-begun', 'transaction-decided', 'transaction-committed'])(
  'a gateway that dies at %s, again and again',
  { timeout: 120_000 },
  async (failpoint) => {
    await workflow.makeQueues();
    await workflow.sendOrders(40);
    for (const agent of AGENTS) workflow.startAgent(agent);
    for (const count of [3, 9, 1]) {
      await workflow.gateway.kill9();
      await workflow.gateway.start(`${failpoint}:${count}`);
      expect(await workflow.gateway.exited).toBe('SIGKILL');
    }
    await workflow.gateway.start();
    await workflow.drain(DRAIN_WITHIN_MS);
    expect(await workflow.compare()).toEqual([]);
  },
);

test('agents and gateway killed at random instants', { timeout: 240_000 }, async () => {
  const rng = createRng(SEED);
  await workflow.makeQueues();
  await workflow.sendOrders(100);
  // Every other life of an agent ends by itself, at a completion.
  workflow.nextSettings = () => dieAt(rng.chance(0.5) ? placeBy(rng) : undefined);
  for (const agent of AGENTS) workflow.startAgent(agent);
  for (let kill = 0; kill < 30; kill++) {
    const killAt = performance.now() + rng.below(900);
    await until(() => performance.now() >= killAt);
    if (rng.chance(0.25)) {
      await workflow.gateway.kill9();
      await workflow.gateway.start();
    } else workflow.kill(rng.pick(AGENTS));
    await workflow.sendOrders(5);
  }
  workflow.nextSettings = () => ({});
  await workflow.drain(DRAIN_WITHIN_MS);
  expect(workflow.deaths).toBeGreaterThan(15);
  expect(await workflow.compare(), SEED).toEqual([]);
});

test.each([
  ['send-first', 'doubled'],
  ['ack-first', 'lost'],
])(
  'the same kills, %s in two calls instead of one transaction: orders are %s',
  { timeout: 120_000 },
  async (separate, harm) => {
    await workflow.makeQueues();
    await workflow.sendOrders(20);
    const places = new Map(AGENTS.map((agent) => [agent, ['after:3']]));
    workflow.nextSettings = (agent) => ({
      ...dieAt(places.get(agent)?.shift()),
      WORKFLOW_SEPARATE: separate,
    });
    for (const agent of AGENTS) workflow.startAgent(agent);
    await until(() => workflow.deaths === AGENTS.length, { withinMs: DRAIN_WITHIN_MS });
    await workflow.drain(DRAIN_WITHIN_MS);
    const problems = await workflow.compare();
    expect(problems.filter((problem) => problem.startsWith(harm)).length).toBeGreaterThan(0);
  },
);

function placeBy(rng: Rng): string {
  return `${rng.pick(['before', 'after'])}:${1 + rng.below(8)}`;
}

function dieAt(place: string | undefined): Readonly<Record<string, string>> {
  return place === undefined ? {} : { WORKFLOW_DIE_AT: place };
}
