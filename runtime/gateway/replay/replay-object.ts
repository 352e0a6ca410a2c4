import type { Candidate } from '../../policy/replay/candidate.ts'
import { type Asked, parseRecorded, type RecordedDecision } from '../../policy/replay/recorded.ts'
import { rejudge } from '../../policy/replay/rejudge.ts'
import { addDecision, emptyTally, type Tally } from '../../policy/replay/tally.ts'
import { unpack } from '../recording/packed.ts'
import type { RecordingKey } from '../recording/sealed.ts'
import type { ObjectToReplay } from './messages.ts'

/**
 * Judges the decisions of one object anew, newest first. One object is all that is in memory.
 * @throws SealError, or an Error when the object cannot be unpacked or read
 */
export async function replayObject(
  { name, stored, limit }: Pick<ObjectToReplay, 'name' | 'stored' | 'limit'>,
  candidate: Candidate,
  keys: readonly RecordingKey[],
  sinceMs: number,
): Promise<Tally> {
  const tally = emptyTally()
  const lines = (await unpack(stored, name, keys)).toString('utf8').split('\n')
  for (let at = lines.length - 1; at >= 0 && tally.replayed + tally.unanswerable < limit; at--) {
    const recorded = parseRecorded(lines[at] ?? '')
    // What ended before policy was asked ends so by whatever policy.
    if (recorded.at_ms >= sinceMs && isAsked(recorded)) addDecision(tally, recorded, rejudge(recorded, candidate))
  }
  return tally
}

function isAsked(recorded: RecordedDecision): recorded is RecordedDecision & { policy: Asked } {
  return recorded.policy !== null
}
