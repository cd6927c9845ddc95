import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bodiesInQueue } from '../../support/bodies-in-queue.ts';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway-process.ts';
import { QueueAtGateway } from '../../support/queue-at-gateway.ts';
import { until } from '../../support/until.ts';

export const AGENTS = ['credit-check', 'warehouse', 'invoice'] as const;
export type Agent = (typeof AGENTS)[number];

const QUEUES = ['orders', 'questions', 'shipments', 'parcels', 'invoicing', 'invoices'] as const;
/** Empty when the work is done. */
const WORK = ['orders', 'shipments', 'invoicing'] as const;
const CREDIT = 100_000;
const PIECES_PER_PARCEL = 10;

const EXAMPLE = fileURLToPath(new URL('../../../examples/order-workflow/', import.meta.url));
const SABOTAGE = new URL('sabotage.ts', import.meta.url).href;

interface TestOrder {
  readonly number: string;
  readonly customer: string;
  readonly pieces: number;
  readonly total: number;
}

/** The example as it stands, its agents in processes of their own, with a gateway that can be killed as well. */
export class Workflow {
  readonly gateway: GatewayProcess;
  /** How often an agent was found dead. */
  deaths = 0;
  readonly #token: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'fieldpost-workflow-'));
  readonly #running = new Map<Agent, ChildProcess>();
  readonly #orders: TestOrder[] = [];
  #output = '';
  #isOver = false;

  private constructor(gateway: GatewayProcess, token: string) {
    this.gateway = gateway;
    this.#token = token;
  }

  static async start(): Promise<Workflow> {
    const gateway = await startGatewayProcess();
    return new Workflow(gateway, await gateway.token({ expiresInMs: 3_600_000 }));
  }

  /** Queues whose messages come again at once, however often. */
  async makeQueues(): Promise<void> {
    for (const name of QUEUES) await this.#queue(name).create({ maxDeliveries: 100_000, retryDelaysMs: [] });
  }

  async sendOrders(count: number): Promise<void> {
    const orders = Array.from({ length: count }, (_, index): TestOrder => {
      const number = this.#orders.length + index + 1;
      const total = number % 10 === 0 ? CREDIT + number : number;
      return { number: `A-${number}`, customer: `customer ${number % 7}`, pieces: (number % 25) + 1, total };
    });
    await this.#queue('orders').send(...orders);
    this.#orders.push(...orders);
  }

  /** What an agent is started with, for its sabotage; asked each time. */
  nextSettings: (agent: Agent) => Readonly<Record<string, string>> = () => ({});

  /** Starts an agent. When it dies, it is started again. */
  startAgent(agent: Agent): void {
    if (this.#isOver) return;
    const child = this.#spawn(`${agent}.ts`, this.nextSettings(agent));
    this.#running.set(agent, child);
    child.once('exit', (_, signal) => {
      if (this.#running.get(agent) !== child || this.#isOver) return;
      if (signal === 'SIGKILL') this.deaths += 1;
      this.startAgent(agent);
    });
  }

  kill(agent: Agent): void {
    this.#running.get(agent)?.kill('SIGKILL');
  }

  /** Runs a script of the example to its end; resolves with its exit code. */
  async run(script: string, ...args: readonly string[]): Promise<unknown> {
    const [code]: unknown[] = await once(this.#spawn(script, {}, args), 'exit');
    return code;
  }

  /** Waits until no order is on its way any more. */
  async drain(withinMs: number): Promise<void> {
    const isDone = async (): Promise<boolean> => {
      for (const name of WORK) if (!(await this.#queue(name).isEmpty())) return false;
      return true;
    };
    await until(isDone, { withinMs, what: 'all orders are through' }).catch((error: unknown) => {
      throw new Error(`the agents said:\n${this.#output.slice(-4000)}`, { cause: error });
    });
  }

  /** What is not as it should be. Every order is invoiced once or asked about once; numbers have no gaps. */
  async compare(orders: readonly TestOrder[] = this.#orders): Promise<string[]> {
    const problems: string[] = [];
    const good = orders.filter(({ total }) => total <= CREDIT);
    const questions = await this.#bodies('questions');
    const invoices = await this.#bodies('invoices');
    const parcels = await this.#bodies('parcels');
    const expect = (what: string, number: string, found: number, wanted: number): void => {
      if (found !== wanted)
        problems.push(`${found < wanted ? 'lost' : 'doubled'}: ${number} has ${found} ${what}`);
    };
    for (const { number, pieces, total } of orders) {
      const isGood = total <= CREDIT;
      const of = (bodies: readonly Body[], name: string): number =>
        bodies.filter((body) => body[name] === number).length;
      expect('questions', number, of(questions, 'number'), isGood ? 0 : 1);
      expect('invoices', number, of(invoices, 'order'), isGood ? 1 : 0);
      expect('parcels', number, of(parcels, 'order'), isGood ? Math.ceil(pieces / PIECES_PER_PARCEL) : 0);
    }
    const numbers = invoices.map(({ invoice }) => Number(invoice)).toSorted((one, other) => one - other);
    if (numbers.some((number, index) => number !== index + 1))
      problems.push(`invoice numbers with a gap or twice: ${numbers.join(' ')}`);
    const sum = invoices.reduce((before, { total }) => before + Number(total), 0);
    const owed = good.reduce((before, { total }) => before + total, 0);
    if (sum !== owed) problems.push(`${sum} was invoiced and ${owed} is owed`);
    return problems;
  }

  async dispose(): Promise<void> {
    this.#isOver = true;
    for (const child of this.#running.values()) child.kill('SIGKILL');
    await this.gateway.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #queue(name: string): QueueAtGateway {
    return new QueueAtGateway({ name, url: () => this.gateway.url, token: this.#token });
  }

  async #bodies(name: string): Promise<readonly Body[]> {
    const bodies = await bodiesInQueue(this.gateway, this.#token, name);
    return bodies.map((body): Body => ({ ...Object(body) }));
  }

  #spawn(
    script: string,
    settings: Readonly<Record<string, string>>,
    args: readonly string[] = [],
  ): ChildProcess {
    const node = ['--conditions=@fieldpost/source', '--import', SABOTAGE, join(EXAMPLE, script), ...args];
    const child = spawn(process.execPath, node, {
      env: {
        ...process.env,
        FIELDPOST_URL: this.gateway.url,
        FIELDPOST_TOKEN: this.#token,
        WORKFLOW_LEASE_MS: '1000',
        INVOICES_DATABASE: join(this.#folder, 'invoices.sqlite'),
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    return child;
  }
}

type Body = Readonly<Record<string, unknown>>;
