/** Wrong usage: told in one line, without a stack, and the process ends with code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}
