import { type Code, CodedError } from '@fieldpost/protocol';

/** What a failed call has left behind: nothing, or it is not known. */
export type FailureOutcome = 'nothing-done' | 'unknown';

/**
 * What the SDK throws. Branch on `code`, never on the text; `retry` says whether the same call may succeed later.
 *
 * @since 0.1.0
 */
export class FieldpostError extends CodedError {
  override readonly name = 'FieldpostError';
  /** `unknown` when the write may have been done after all: repeat it with the same id. */
  readonly outcome: FailureOutcome;

  constructor(
    code: Code,
    message: string,
    options: ErrorOptions & { readonly outcome?: FailureOutcome } = {},
  ) {
    super(code, message, options);
    this.outcome = options.outcome ?? 'nothing-done';
  }
}
