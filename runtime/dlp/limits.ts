/** What one call may cost. Counted, never timed: the same call has the same answer on a busy machine. */
export interface DlpLimits {
  /** UTF-16 units of all strings, keys and numbers of the value. @default 1,048,576 */
  charactersMax: number
  /** Work units: about one for each character that is looked at, in any layer, and more for what costs more. @default 16,000,000 */
  workUnitsMax: number
  /** Findings kept. @default 4,096 */
  findingsMax: number
  /** Levels of nesting of the value. @default 64 */
  depthMax: number
}

export const DEFAULT_LIMITS: DlpLimits = {
  charactersMax: 1024 * 1024,
  workUnitsMax: 16_000_000,
  findingsMax: 4096,
  depthMax: 64,
}

/** Counts what a scan has cost so far. Each method throws when that passes its limit. */
export class Meter {
  spent = 0
  #characters = 0
  readonly #limits: DlpLimits
  readonly #exceeded: (limit: keyof DlpLimits) => Error
  /** @param exceeded makes the error that is thrown when a limit is used up */
  constructor(limits: DlpLimits, exceeded: (limit: keyof DlpLimits) => Error) {
    this.#limits = limits
    this.#exceeded = exceeded
  }
  spend(units: number): void {
    this.spent += units
    if (this.spent > this.#limits.workUnitsMax) throw this.#exceeded('workUnitsMax')
  }
  /** Characters of the value itself, which cost work as well. */
  read(characters: number): void {
    this.#characters += characters
    if (this.#characters > this.#limits.charactersMax) throw this.#exceeded('charactersMax')
  }
  enter(depth: number): void {
    if (depth > this.#limits.depthMax) throw this.#exceeded('depthMax')
  }
  keep(findings: number): void {
    if (findings > this.#limits.findingsMax) throw this.#exceeded('findingsMax')
  }
}
