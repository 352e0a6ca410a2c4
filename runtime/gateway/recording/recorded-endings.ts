import type { Journal } from '../journal.ts'
import { errorEnding } from '../journal.ts'
import type { Recorder } from './recorder.ts'

/** A journal whose every entry of a call is also the end of that call's recording. */
export function recordedEndings(journal: Journal, recorder: Pick<Recorder, 'ended'>): Journal {
  return {
    write: (event) => journal.write(event),
    verdict(arrival, ending) {
      const recorded = journal.verdict(arrival, ending)
      tell(() => recorder.ended(arrival, ending))
      return recorded
    },
    refusal(arrival, error) {
      const ended = arrival.decided === true
      const refused = journal.refusal(arrival, error)
      if (!ended) tell(() => recorder.ended(arrival, errorEnding(refused)))
      return refused
    },
  }
}

/** What is recorded for later must not change what is answered now. */
function tell(work: () => void): void {
  try {
    work()
  } catch {}
}
