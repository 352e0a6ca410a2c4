/** What every command ends with. */
export const EXIT = {
  /** All held. */
  held: 0,
  /** An objective or check failed. */
  failed: 1,
  /** Wrong usage or bad configuration: one clear line, no stack. */
  usage: 2,
  /** The control run was out of band. */
  inconclusive: 3,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Wrong usage, told in one line. @param details lines that come before it, such as the places of faults */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly exitCode: ExitCode
  readonly details: readonly string[]
  constructor(message: string, exitCode: ExitCode = EXIT.usage, details: readonly string[] = []) {
    super(message)
    this.exitCode = exitCode
    this.details = details
  }
}
