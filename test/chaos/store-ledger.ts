import { unreachable } from '@fieldpost/protocol';
import type { WriterReport } from './sqlite-writer/writer-messages.ts';

/** What the store owes, after all it acknowledged; compared with what it has each time it is opened. */
export class StoreLedger {
  /** What was wrong, in words. Empty when nothing was. */
  readonly problems: string[] = [];
  acknowledged = 0;
  lost = 0;
  doubled = 0;
  readonly #accepted = new Map<number, number>();
  readonly #removed = new Set<string>();
  readonly #perhapsRemoved = new Set<string>();

  /** Takes a line of the writer. */
  note(report: WriterReport): void {
    switch (report.type) {
      case 'accepted':
        this.acknowledged += report.number - (this.#accepted.get(report.epoch) ?? 0);
        this.#accepted.set(report.epoch, report.number);
        return;
      case 'removing':
        for (const name of report.names) this.#perhapsRemoved.add(name);
        return;
      case 'removed':
        for (const name of report.names) this.#removed.add(name);
        return;
      case 'state':
        this.#compare(report);
        return;
      case 'ready':
      case 'refused':
      case 'failure':
      case 'failed':
        return;
      default:
        unreachable(report);
    }
  }

  #compare(state: Extract<WriterReport, { type: 'state' }>): void {
    const counts = new Map<string, number>();
    for (const entry of state.present) {
      const name = entry.slice(0, entry.lastIndexOf(':'));
      counts.set(name, (counts.get(name) ?? 0) + 1);
      if (entry.endsWith('damaged')) this.problems.push(`${name} has another's body`);
    }
    if (state.counted !== state.present.length)
      this.problems.push(`${state.counted} counted, ${state.present.length} there`);
    for (const [name, count] of counts) if (count > 1) this.#double(`${name} is there ${count} times`);
    for (const [epoch, accepted] of state.accepted.entries()) {
      const owed = this.#accepted.get(epoch) ?? 0;
      if (accepted < owed)
        this.#lose(owed - accepted, `epoch ${epoch} stands at ${accepted}, ${owed} was acknowledged`);
      for (let number = 1; number <= accepted; number++) this.#compareOne(`${epoch}:${number}`, counts);
      // A device is told where its stream stands, so from here on that is acknowledged too.
      this.#accepted.set(epoch, accepted);
    }
    for (const name of counts.keys()) this.problems.push(`${name} is there, beyond what was accepted`);
    this.#forgetRemoved(state);
  }

  #compareOne(name: string, counts: Map<string, number>): void {
    const isThere = counts.delete(name);
    if (isThere && this.#removed.has(name))
      this.#double(`${name} is back, after its removal was acknowledged`);
    if (isThere || this.#perhapsRemoved.has(name)) return;
    this.#lose(1, `${name} is not there`);
    this.#perhapsRemoved.add(name);
  }

  /** What was being removed when the process died is removed for good, or there to be removed again. */
  #forgetRemoved(state: Extract<WriterReport, { type: 'state' }>): void {
    const present = new Set(state.present.map((entry) => entry.slice(0, entry.lastIndexOf(':'))));
    for (const name of this.#perhapsRemoved) {
      if (present.has(name)) this.#perhapsRemoved.delete(name);
      else this.#removed.add(name);
    }
  }

  #lose(count: number, problem: string): void {
    this.lost += count;
    this.problems.push(problem);
  }

  #double(problem: string): void {
    this.doubled += 1;
    this.problems.push(problem);
  }
}
