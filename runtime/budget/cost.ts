import type { JsonObject, JsonValue } from '../model/call.ts'
import { pointerSegments } from '../policy/arguments.ts'
import type { ActiveAgent, Roles } from '../policy/bundle-data.ts'

/** What a call costs of its agent's budget. */
export interface Cost {
  /** Minor units, calls or tokens: a whole number. */
  cost: number
  unit: string
}

/** The cost of a call whose price cannot be read: more than any budget holds. */
export const UNPAYABLE = Number.MAX_SAFE_INTEGER

/**
 * Money costs what stands at the action's amount, when it is in the budget's currency: an amount in another one is another budget's matter,
 * which policy refuses. A call costs one call. Tokens cost what stands at the action's `tokens`. An action without the role costs nothing.
 *
 * @returns null when the agent has no budget
 */
export function costOf(agent: Pick<ActiveAgent, 'budget'>, roles: Roles, args: JsonObject): Cost | null {
  if (agent.budget === null) return null
  const { unit } = agent.budget
  return { cost: costIn(unit, roles, args), unit }
}

function costIn(unit: string, { amount, currency, tokens }: Roles, args: JsonObject): number {
  if (unit === 'calls') return 1
  if (unit === 'tokens') return tokens === undefined ? 0 : wholeNumber(valueAt(args, tokens))
  if (amount === undefined || currency === undefined) return 0
  const paidIn = valueAt(args, currency)
  if (typeof paidIn !== 'string') return UNPAYABLE
  return paidIn === unit ? wholeNumber(valueAt(args, amount)) : 0
}

function wholeNumber(value: JsonValue | undefined): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : UNPAYABLE
}

// The pointers of a bundle's roles are read on every call, and are few.
const segments = new Map<string, string[]>()
const SEGMENTS_MAX = 10_000

function valueAt(args: JsonObject, pointer: string): JsonValue | undefined {
  let path = segments.get(pointer)
  if (path === undefined) {
    if (segments.size >= SEGMENTS_MAX) segments.clear()
    path = pointerSegments(pointer)
    segments.set(pointer, path)
  }
  let found: JsonValue | undefined = args
  for (const segment of path) {
    if (typeof found !== 'object' || found === null || Array.isArray(found) || !Object.hasOwn(found, segment)) return undefined
    found = found[segment]
  }
  return found
}
