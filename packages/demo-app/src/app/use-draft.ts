import { useLiveQuery } from 'dexie-react-hooks';
import { useCallback } from 'react';
import type { DraftRow } from './database.ts';
import { emptyDraft } from './draft.ts';
import { useWorkplace } from './session-context.tsx';
import { database } from './session.ts';

/**
 * The order being taken, and the way to change it; undefined until it is read. Each change is on disk at once, so the draft
 * survives a reload.
 */
export function useDraft(): [DraftRow | undefined, (change: (draft: DraftRow) => DraftRow) => void] {
  const { rep } = useWorkplace().session;
  const draft = useLiveQuery(async () => (await database.drafts.get(rep.id)) ?? emptyDraft(rep.id), [rep.id]);
  const update = useCallback(
    (change: (draft: DraftRow) => DraftRow) => {
      // Read and written in one transaction: two quick taps are two changes.
      void database
        .transaction('rw', database.drafts, async () => {
          const current = (await database.drafts.get(rep.id)) ?? emptyDraft(rep.id);
          await database.drafts.put(change(current));
        })
        .catch(reportError);
    },
    [rep.id],
  );
  return [draft, update];
}
