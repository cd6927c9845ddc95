/** What stands above the tables. */
export const INTRODUCTION = `# Reliability

What is done to Fieldpost to find out whether it keeps its word, how often it was done, and what came of it. Nobody can show that there is
no bug. What can be shown is which faults were caused, how many times, what was compared afterwards, and that the comparison sees
bugs that are put there on purpose.

This page is made by \`npm run reliability-report\` from the files in [docs/reliability](../reliability); nothing in its tables is
written by hand.

## How to read it

A **cycle** is: load, the fault, the fault is taken away, everything drains, everything is compared. A cycle in which the fault met
nothing fails. Compared is, for every message: it is there once, in order for its sender and priority, its body is what was sent, and
what was settled is never handed out again. That everything drains within a bound is part of it.

Faults are drawn from a seed, which is printed and kept, so that a run can be repeated: which faults and when, though not what the
operating system does in between. **So fewer than** is the usual bound for no failure in N independent tries: with 95 % confidence, fewer
than 3 in N fail. Cycles of one run share a machine and a version, so take it as an order of magnitude.

\`\`\`sh
npm test                 # a share of everything
npm run test:nightly     # all of it, an hour or two on two cores; goes on where it stopped with --resume
npm run reliability-report -- --add .reports/nightly --canaries .reports/canaries.json    # publishes it here
\`\`\`
`;

/** What stands below them. */
export const NOT_COVERED = `## What is not covered

- **Real power cuts.** Power loss is played by a library under the process, which takes back, or tears sector by sector, whatever was not
  synced. It shows that the right things are synced at the right time. It cannot show that a disk's own cache tells the truth.
- **The disk's order of names under Chromium.** Its database is tested as on a file system with a journal (ext4), where the sync of a
  file keeps the names made before. A file system that promises less can lose Chromium's whole database; the SDK would report that
  as \`storage-lost\`.
- **Torn sectors in the middle of Chromium's log.** Its database takes them for damage, and starts empty: what waited is gone. The
  cycles allow that loss and nothing else. The SDK reports it as \`storage-lost\` by a marker in local storage, which Chromium
  writes some seconds late: a tablet that dies before has no marker, and nothing is reported. When unsynced writes are lost as a
  whole, nothing that was saved is lost.
- **Safari on iOS and iPadOS.** WebKit's engine runs the storage suites on Linux; no device of Apple runs anything here. Firefox and
  WebKit run storage and delivery tests, not the cycles above.
- **Real radio networks.** Lines are TCP proxies on one machine, slow, cut and stalled as told.
- **Large values under damage and power loss.** Chromium keeps values above 64 KiB or so in files of their own beside its database;
  the cycles use small messages.
- **Several gateways on one store.** The store takes one process; a second one is refused, which is tested.
- **More than one machine.** Everything here ran on one, with all parts sharing its cores.
- **Months.** The longest run is the soak's; nothing here ran for weeks.
`;
