/** Who can sign in to the demo. Its server asks for no password; a real one would. */
export interface Rep {
  /** The token's subject; each has an outbox and orders of their own on a shared tablet. */
  readonly id: string;
  readonly name: string;
  /** One of the catalogue's regions, shown first. */
  readonly region: string;
  readonly role: string;
  /** Whether the gateway lets them send orders. Where not, their orders come back refused. */
  readonly maySendOrders: boolean;
}

export const reps: readonly Rep[] = [
  { id: 'maya', name: 'Maya Lindqvist', region: 'West', role: 'Sales, West', maySendOrders: true },
  { id: 'tomas', name: 'Tomas Okafor', region: 'East', role: 'Sales, East', maySendOrders: true },
  { id: 'priya', name: 'Priya Castell', region: 'Central', role: 'Sales, Central', maySendOrders: true },
  { id: 'jonah', name: 'Jonah Whitfield', region: 'South', role: 'Sales, South', maySendOrders: true },
  {
    id: 'nico',
    name: 'Nico Brandt',
    region: 'West',
    role: 'Trainee: orders are refused until the office allows them',
    maySendOrders: false,
  },
];

export function findRep(id: string | null | undefined): Rep | undefined {
  return reps.find((rep) => rep.id === id);
}
