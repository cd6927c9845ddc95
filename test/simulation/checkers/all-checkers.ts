import { acknowledgement } from './acknowledgement.ts';
import { bodies } from './bodies.ts';
import type { Checker } from './checker.ts';
import { effect } from './effect.ts';
import { fates } from './fates.ts';
import { faultless } from './faultless.ts';
import { fencing } from './fencing.ts';
import { intake } from './intake.ts';
import { isolation } from './isolation.ts';
import { liveness } from './liveness.ts';
import { order } from './order.ts';
import { processing } from './processing.ts';
import { queueOrder } from './queue-order.ts';
import { saving } from './saving.ts';

/** Every checker, in the order in which a message meets them. */
export const ALL_CHECKERS: readonly Checker[] = [
  faultless,
  saving,
  intake,
  acknowledgement,
  order,
  queueOrder,
  bodies,
  fates,
  effect,
  processing,
  fencing,
  isolation,
  liveness,
];
