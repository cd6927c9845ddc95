import type { Peers } from '../ports/peers.ts';
import type { Arrivals } from './arrivals.ts';
import type { LiveSessions } from './live-sessions.ts';

/** What a gateway tells its own waiting requests and live connections. */
export interface Telling {
  readonly arrivals: Arrivals;
  readonly liveSessions: LiveSessions;
}

/**
 * Has what is told here told to the other gateways on the store as well, and what they tell told here. Without others
 * everything stays as it is.
 */
export function sharePeerNews(here: Telling, peers: Peers | undefined): Telling {
  if (peers === undefined) return here;
  peers.listen(
    (news) => {
      if (news.type === 'arrival') here.arrivals.notify(news.queue);
      else if (news.type === 'session') here.liveSessions.supersede(news.device, news.session);
      else here.liveSessions.revoke(news.device, news.session);
    },
    () => here.arrivals.notifyAll(),
  );
  return {
    arrivals: {
      ...here.arrivals,
      notify(queue) {
        here.arrivals.notify(queue);
        peers.tell({ type: 'arrival', queue });
      },
    },
    liveSessions: {
      ...here.liveSessions,
      supersede(device, session) {
        here.liveSessions.supersede(device, session);
        peers.tell({ type: 'session', device, session });
      },
      revoke(device, session) {
        here.liveSessions.revoke(device, session);
        peers.tell({ type: 'revocation', device, session });
      },
    },
  };
}
