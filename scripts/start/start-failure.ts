/** Something that the person at the terminal can understand and mend; its text is all they see. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
}
