import * as v from 'valibot';
import { ack } from './ack.ts';
import { errorFrame } from './error.ts';
import { fates } from './fates.ts';
import { fenced } from './fenced.ts';
import { welcome } from './welcome.ts';

/** Every frame that a gateway sends. */
export const downFrame = v.variant('type', [welcome, ack, fates, fenced, errorFrame]);

export type DownFrame = v.InferOutput<typeof downFrame>;
