import type { HandOut, SettledReceipt, StoreEvent } from '../history.ts';
import type { Checker } from './checker.ts';

/** Leases by a model of our own: one at a time for each message, and only the live one settles. */
export const fencing: Checker = {
  name: 'fencing',
  about: 'No message has two live leases, and nothing is settled with an old receipt.',
  check: ({ history }) => {
    const model = new LeaseModel();
    const events = [
      ...history.handOuts.map((handOut) => ({ sequence: handOut.sequence, handOut })),
      ...history.settlements.map((settled) => ({ sequence: settled.sequence, settled })),
      ...history.sweeps.map((sweep) => ({ sequence: sweep.sequence, sweep })),
      ...history.backups.map((backup) => ({ sequence: backup.sequence, backup })),
    ].toSorted((one, other) => one.sequence - other.sequence);
    for (const event of events) {
      if ('handOut' in event) model.handOut(event.handOut);
      else if ('settled' in event) model.settle(event.settled);
      else if ('sweep' in event) model.sweep(event.sweep.now);
      else model.goBack(event.backup);
    }
    return model.wrongs;
  },
};

interface Lease {
  readonly id: string;
  until: number;
  /** It was longer than anybody can ask for by the clock of a gateway that looked: it may have been ended. */
  isInDoubt: boolean;
}

/** The longest lease that can be asked for. */
const LEASE_MS_MAX = 12 * 3_600_000;

interface ModelCopy {
  readonly leases: Map<string, Lease>;
  readonly latest: Map<string, string>;
  readonly acknowledged: Set<string>;
}

function copyOf({ leases, latest, acknowledged }: ModelCopy): ModelCopy {
  return {
    leases: new Map([...leases].map(([receipt, lease]) => [receipt, { ...lease }])),
    latest: new Map(latest),
    acknowledged: new Set(acknowledged),
  };
}

class LeaseModel {
  readonly wrongs: string[] = [];
  /** By receipt; only live ones and those that ran out by themselves. */
  #leases = new Map<string, Lease>();
  /** By message: the receipt of its latest lease. */
  #latest = new Map<string, string>();
  #acknowledged = new Set<string>();
  /** By backup: what it holds. */
  readonly #copies = new Map<string, ModelCopy>();

  /** A backup holds the leases of its time, and a store that is one again has those. */
  goBack({ type, file }: StoreEvent): void {
    if (type === 'backed-up') {
      this.#copies.set(
        file,
        copyOf({ leases: this.#leases, latest: this.#latest, acknowledged: this.#acknowledged }),
      );
      return;
    }
    const copy = this.#copies.get(file);
    if (copy === undefined) return;
    ({ leases: this.#leases, latest: this.#latest, acknowledged: this.#acknowledged } = copyOf(copy));
  }

  handOut({ id, receipt, now, until }: HandOut): void {
    const before = this.#leases.get(this.#latest.get(id) ?? '');
    if (before !== undefined && before.until > now && !before.isInDoubt)
      this.wrongs.push(`${id} was handed out at ${now} while its lease ran until ${before.until}`);
    if (this.#acknowledged.has(id)) this.wrongs.push(`${id} was handed out after it was acknowledged`);
    this.#leases.set(receipt, { id, until, isInDoubt: false });
    this.#latest.set(id, receipt);
  }

  sweep(now: number): void {
    for (const lease of this.#leases.values()) if (lease.until > now + LEASE_MS_MAX) lease.isInDoubt = true;
  }

  settle({ receipt, type, now, code, until }: SettledReceipt): void {
    const lease = this.#leases.get(receipt);
    const isLive = lease !== undefined && lease.until > now && this.#latest.get(lease.id) === receipt;
    if (isLive !== (code === undefined) && !(isLive && lease.isInDoubt)) {
      const was = isLive ? 'live' : 'old';
      this.wrongs.push(`${type} of ${lease?.id} with its ${was} receipt at ${now}: ${code ?? 'done'}`);
    }
    if (lease === undefined || code !== undefined) return;
    if (type === 'extend') {
      lease.until = until ?? lease.until;
      return;
    }
    this.#leases.delete(receipt);
    if (type === 'ack') this.#acknowledged.add(lease.id);
  }
}
