import * as v from 'valibot';
import { closeEpochs } from './close-epochs.ts';
import { confirm } from './confirm.ts';
import { hello } from './hello.ts';
import { push } from './push.ts';
import { token } from './token.ts';

/** Every frame that a device sends. */
export const upFrame = v.variant('type', [hello, push, closeEpochs, confirm, token]);

export type UpFrame = v.InferOutput<typeof upFrame>;
