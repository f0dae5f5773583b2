/** A flag, argument or variable that cannot be used as it is. Its message is shown, so it holds no secret. */
export class UsageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UsageError";
  }
}
