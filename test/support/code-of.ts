import { FieldpostError } from '@fieldpost/sdk';

/** `sent` when the call succeeds, else the code of its error. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'sent';
  } catch (error) {
    return error instanceof FieldpostError ? error.code : String(error);
  }
}
