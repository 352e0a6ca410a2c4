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

/** Wrong usage, told in one line. */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly exitCode: ExitCode
  constructor(message: string, exitCode: ExitCode = EXIT.usage) {
    super(message)
    this.exitCode = exitCode
  }
}
