import { AegisError } from '../../model/codes.ts'
import { nodeOf } from '../../model/decision-id.ts'
import type { Clock } from '../../model/ports.ts'
import { parseRecorded, type RecordedDecision } from '../../policy/replay/recorded.ts'
import type { RecordedObject } from '../recording/object-name.ts'
import { unpack } from '../recording/packed.ts'
import type { Recorder } from '../recording/recorder.ts'
import { type Recordings, SPAN_MS } from '../recording/recordings.ts'
import type { RecordingKeys } from '../recording/sealed.ts'

export interface FindOptions {
  recorder: Pick<Recorder, 'find'>
  recordings: Pick<Recordings, 'ofNode' | 'read' | 'horizonMs'>
  keys: RecordingKeys
  clock: Clock
}

/** Objects that are looked through at once, and how long that may go on. */
const AT_ONCE = 16
const LOOK_MS = 10_000
const HINT = ': say about when the decision was made, as its record does'

/**
 * The recording of one decision, from the memory of this process or from the region's bucket. Its id names the process that decided, and
 * not the time: the objects of that process are looked through from the newest on.
 *
 * @param atMs about when it was decided, when the caller knows: then only those are looked at
 * @throws AegisError state_unavailable when that takes too long
 * @returns undefined when there is none. Rejects when the bucket or the region's table does not answer
 */
export async function findDecision(
  decisionId: string,
  atMs: number | undefined,
  { recorder, recordings, keys, clock }: FindOptions,
): Promise<RecordedDecision | undefined> {
  const node = nodeOf(decisionId)
  if (node === undefined) return undefined
  const waiting = recorder.find(decisionId)
  if (waiting !== undefined) return waiting
  const [fromMs, toMs] = atMs === undefined ? [0, Number.MAX_SAFE_INTEGER] : [atMs - SPAN_MS, atMs + SPAN_MS]
  const opening = await keys()
  const look = async (object: RecordedObject) => {
    const stored = await recordings.read(object)
    if (stored === undefined) return undefined
    // One that cannot be opened keeps nobody from looking into the others.
    const text = await unpack(stored, object.key, opening).catch(() => undefined)
    return text === undefined ? undefined : lineWith(decisionId, text)
  }
  const untilMs = clock.monotonic() + LOOK_MS
  let group: RecordedObject[] = []
  const found = async () => {
    const lines = await Promise.all(group.map(look))
    group = []
    return lines.find((line) => line !== undefined)
  }
  for await (const object of recordings.ofNode(node, fromMs, toMs)) {
    group.push(object)
    if (clock.monotonic() > untilMs) throw new AegisError('state_unavailable', `looking through the recordings took too long${HINT}`)
    const line = group.length < AT_ONCE ? undefined : await found()
    if (line !== undefined) return young(parseRecorded(line), recordings)
  }
  const line = await found()
  return line === undefined ? undefined : young(parseRecorded(line), recordings)
}

function young(recorded: RecordedDecision, { horizonMs }: Pick<Recordings, 'horizonMs'>): RecordedDecision | undefined {
  return recorded.at_ms >= horizonMs() ? recorded : undefined
}

/**
 * Only a line of its own begins so: a line break inside of one is written as an escape, so that no argument of a call can look like the
 * beginning of another decision.
 */
function lineWith(decisionId: string, text: Buffer): string | undefined {
  const beginning = `{"v":1,"decision_id":"${decisionId}"`
  const first = text.subarray(0, beginning.length).equals(Buffer.from(beginning))
  const start = first ? 0 : text.indexOf(`\n${beginning}`) + 1
  if (start === 0 && !first) return undefined
  const end = text.indexOf('\n', start)
  return text.toString('utf8', start, end === -1 ? text.length : end)
}
