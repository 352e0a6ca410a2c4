import { loadEvaluator } from '../../policy/evaluate.ts'
import { type Candidate, candidateOf } from '../../policy/replay/candidate.ts'
import { SealError } from '../recording/sealed.ts'
import type { Briefing, FromChild, ObjectToReplay, ToChild } from './messages.ts'
import { replayObject } from './replay-object.ts'

// The program of one replaying child. It ends when the gateway that started it does.

let briefed: { candidate: Candidate; briefing: Briefing } | undefined
const answer = (message: FromChild) => void process.send?.(message)

process.on('disconnect', () => process.exit(0))
process.on('message', (message: ToChild) => {
  const said = message.kind === 'briefing' ? prepare(message) : replay(message)
  void said.then(answer)
})

async function prepare(briefing: Briefing): Promise<FromChild> {
  const { wasm, agents, tools, zones } = briefing
  try {
    const evaluator = await loadEvaluator(wasm)
    evaluator.smoke()
    briefed = { candidate: candidateOf({ agents, tools, zones, evaluator }), briefing }
    return { kind: 'ready' }
  } catch (error) {
    return { kind: 'refused', fault: (error as Error).message }
  }
}

async function replay(object: ObjectToReplay): Promise<FromChild> {
  if (briefed === undefined) return { kind: 'refused', fault: 'no candidate was given' }
  const { candidate, briefing } = briefed
  try {
    return { kind: 'replayed', tally: await replayObject(object, candidate, briefing.keys, briefing.sinceMs) }
  } catch (error) {
    // Other errors may quote what they could not read.
    return { kind: 'unreadable', fault: error instanceof SealError ? error.code : 'malformed' }
  }
}
