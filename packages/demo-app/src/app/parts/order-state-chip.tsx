import { Chip, type Tone } from '../../ui/chip.tsx';
import type { IconName } from '../../ui/icons.tsx';
import type { OrderState } from '../database.ts';
import { stateWords } from '../words.ts';

const looks: Readonly<Record<OrderState, { readonly tone: Tone; readonly icon: IconName }>> = {
  saving: { tone: 'quiet', icon: 'waiting' },
  saved: { tone: 'wait', icon: 'saved' },
  delivered: { tone: 'good', icon: 'delivered' },
  refused: { tone: 'bad', icon: 'refused' },
  unclear: { tone: 'bad', icon: 'refused' },
  discarded: { tone: 'quiet', icon: 'trash' },
};

export function OrderStateChip({ state }: { readonly state: OrderState }) {
  const { tone, icon } = looks[state];
  return (
    <Chip tone={tone} icon={icon}>
      {stateWords(state)}
    </Chip>
  );
}
