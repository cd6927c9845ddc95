/** How far a job is: in which queue, with how many arrivals when it began, and the place to go on at. */
export interface JobPlace {
  readonly queue: number;
  readonly arrivals: number;
  readonly next: number;
}

/** As a job's row keeps it. */
export function formatJobPlace({ queue, arrivals, next }: JobPlace): string {
  return `${queue} ${arrivals} ${next}`;
}

/** Reads what {@link formatJobPlace} wrote. */
export function parseJobPlace(position: string): JobPlace {
  const [queue = 0, arrivals = 0, next = 0] = position.split(' ').map(Number);
  return { queue, arrivals, next };
}
