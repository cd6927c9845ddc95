import type { Contestant } from '../contestants/contestant.ts';
import type { Row, ServerDurability, Unit } from './sample.ts';

/** What a row is about, besides its values. */
export type RowKey = Pick<Row, 'scenario' | 'messages' | 'unit' | 'note'> & { readonly variant?: string };

/** Whose value it is. */
export interface Measured extends Pick<Contestant, 'name'> {
  readonly device?: Contestant['device'];
  readonly server?: ServerDurability | 'none';
}

/** Collects values as repetitions alternate between contestants. */
export class RowBook {
  readonly #rows = new Map<string, Row & { readonly values: number[] }>();

  add(key: RowKey, of: Measured, value: number): void {
    const variant = key.variant ?? '';
    const id = [key.scenario, of.name, variant, key.unit].join('\n');
    const row = this.#rows.get(id);
    if (row !== undefined) {
      row.values.push(value);
      return;
    }
    const server = of.server === undefined || of.server === 'none' ? '–' : of.server;
    this.#rows.set(id, {
      ...key,
      variant,
      contestant: of.name,
      device: of.device ?? '–',
      server,
      values: [value],
    });
  }

  rows(): readonly Row[] {
    return [...this.#rows.values()];
  }
}

export type { Unit };
