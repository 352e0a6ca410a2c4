export type PlaneErrorCode =
  | 'policy_refused'
  | 'author_is_publisher'
  | 'not_found'
  | 'publish_conflict'
  | 'rollout_in_progress'
  | 'wrong_state'

/** An order that is refused: nothing was done, and the message says what to do instead. */
export class PlaneError extends Error {
  override name = 'PlaneError'
  readonly code: PlaneErrorCode
  /** More for the answer's error object, such as the faults of a refused policy. */
  readonly facts: Readonly<Record<string, unknown>>
  constructor(code: PlaneErrorCode, message: string, facts: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.facts = facts
  }
}
