import type { Outcome } from '../../model/verdict.ts'
import type { PolicyEvaluator } from '../evaluate.ts'
import type { PolicyInput, PolicyOutput } from '../policy-io.ts'
import { type CompiledPolicy, type Money, permissionOf, readCompiled } from './compiled.ts'
import { approvalStep, type Step, stepsOf, withAmount } from './steps.ts'

/** With `what`, and all else as it was, the outcome would be this one. */
export interface WouldChange {
  what: string
  outcome: Outcome
}

type Judge = (input: PolicyInput) => Promise<PolicyOutput>

/** Evaluations between two pauses: some hundred microseconds, so that calls are decided in between. */
const WITHOUT_PAUSE = 10

/**
 * What else would have given another outcome: each answer was evaluated, and none is guessed. One fact at a time; several together only
 * where no single one does.
 *
 * @returns the best outcomes first
 */
export async function wouldChange(input: PolicyInput, evaluator: Pick<PolicyEvaluator, 'evaluate'>): Promise<WouldChange[]> {
  const judge = pausing(evaluator)
  const policy = readCompiled(input.agent.policyJson)
  const money = permissionOf(policy, input.call)?.amount
  const now = await judge(input)
  const scene: Scene = { input, policy, money, now, judge }
  if (now.outcome === 'allow') return upTo(scene)
  const steps = stepsOf(input, policy)
  const single = [...(await amounts(scene)), ...(await singles(steps, scene))]
  const found = single.length > 0 ? single : await together(steps, scene)
  return found.sort((a, b) => STRICTNESS[a.outcome] - STRICTNESS[b.outcome])
}

interface Scene {
  input: PolicyInput
  policy: CompiledPolicy | undefined
  money: Money | undefined
  now: PolicyOutput
  judge: Judge
}

const STRICTNESS: Record<Outcome, number> = { allow: 0, sanitize: 1, approval_needed: 2, deny: 3 }
const AMOUNT_MIN = 1

async function singles(steps: readonly Step[], { input, now, judge }: Scene): Promise<WouldChange[]> {
  const approval = approvalStep(now.obligations.approval)
  const found: WouldChange[] = []
  for (const { what, apply } of approval === undefined ? steps : [...steps, approval]) {
    const { outcome } = await judge(apply(input))
    if (outcome !== now.outcome) found.push({ what, outcome })
  }
  return found
}

/** For each better outcome that an amount alone would give: the largest such amount. */
async function amounts(scene: Scene): Promise<WouldChange[]> {
  const { money, now } = scene
  if (money === undefined) return []
  const found: WouldChange[] = []
  for (const wanted of better(now.outcome)) {
    const largest = await largestAmount(scene.input, wanted, scene)
    if (largest === undefined) continue
    const { outcome } = await scene.judge(withAmount(scene.input, money, largest, scene.policy))
    if (outcome === wanted) found.push({ what: `${money.at.join('.')} at most ${largest}`, outcome })
  }
  return found
}

/** An allowed payment: from which amount on it would not be. */
async function upTo(scene: Scene): Promise<WouldChange[]> {
  const { input, money, policy, judge } = scene
  if (money === undefined) return []
  const largest = await largestAmount(input, 'allow', scene)
  if (largest === undefined || largest >= Number.MAX_SAFE_INTEGER) return []
  const { outcome } = await judge(withAmount(input, money, largest + 1, policy))
  return outcome === 'allow' ? [] : [{ what: `${money.at.join('.')} over ${largest}`, outcome }]
}

/** By bisection, as no larger amount is ever judged more mildly. @returns undefined when not even the smallest one will do */
async function largestAmount(input: PolicyInput, wanted: Outcome, { money, policy, judge }: Scene): Promise<number | undefined> {
  if (money === undefined) return undefined
  const passes = async (amount: number) => STRICTNESS[(await judge(withAmount(input, money, amount, policy))).outcome] <= STRICTNESS[wanted]
  if (!(await passes(AMOUNT_MIN))) return undefined
  if (await passes(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER
  let [low, high] = [AMOUNT_MIN, Number.MAX_SAFE_INTEGER]
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2)
    if (await passes(middle)) low = middle
    else high = middle
  }
  return low
}

/** All that can be in the call's favour, and then as little of it as gives the same; in whichever currency that gives the most. */
async function together(steps: readonly Step[], scene: Scene): Promise<WouldChange[]> {
  const currencies = steps.filter(({ group }) => group === 'currency')
  const others = oneOfEach(steps.filter(({ group }) => group !== 'currency'))
  let best: WouldChange | undefined
  for (const variant of [others, ...currencies.map((currency) => [...others, currency])]) {
    const found = await fewest(variant, scene)
    if (found !== undefined && (best === undefined || STRICTNESS[found.outcome] < STRICTNESS[best.outcome])) best = found
  }
  return best === undefined ? [] : [best]
}

async function fewest(steps: readonly Step[], { input, now, judge, money, policy, ...scene }: Scene): Promise<WouldChange | undefined> {
  const smallest: Step[] =
    money === undefined ? [] : [{ group: 'amount', what: '', apply: (base) => withAmount(base, money, AMOUNT_MIN, policy) }]
  let chosen = [...steps, ...smallest]
  let reached = await judge(applied(chosen, input))
  const approval = approvalStep(reached.obligations.approval)
  if (approval !== undefined) {
    chosen.push(approval)
    reached = await judge(applied(chosen, input))
  }
  if (STRICTNESS[reached.outcome] >= STRICTNESS[now.outcome]) return undefined
  for (const step of [...chosen]) {
    const fewer = chosen.filter((one) => one !== step)
    if ((await judge(applied(fewer, input))).outcome === reached.outcome) chosen = fewer
  }
  const named = chosen.filter(({ group }) => group !== 'amount')
  const words = named.map(({ what }) => what)
  if (money !== undefined && named.length < chosen.length) {
    const largest = await largestAmount(applied(named, input), reached.outcome, { ...scene, input, now, judge, money, policy })
    words.push(`${money.at.join('.')} at most ${largest}`)
  }
  return { what: words.join(', and '), outcome: reached.outcome }
}

/** The last of a group, which changes most: a new chain rather than one taint less. */
function oneOfEach(steps: readonly Step[]): Step[] {
  return [...new Map(steps.map((step) => [step.group, step])).values()]
}

function applied(steps: readonly Step[], input: PolicyInput): PolicyInput {
  return steps.reduce((before, { apply }) => apply(before), input)
}

function better(than: Outcome): Outcome[] {
  return (['allow', 'sanitize', 'approval_needed'] as const).filter((outcome) => STRICTNESS[outcome] < STRICTNESS[than])
}

function pausing({ evaluate }: Pick<PolicyEvaluator, 'evaluate'>): Judge {
  let judged = 0
  return async (input) => {
    if (++judged % WITHOUT_PAUSE === 0) await new Promise<void>((resolve) => setImmediate(resolve))
    return evaluate(input)
  }
}
