import type { EventLog } from '../evidence/event.ts'
import { eventLine, type LogIdentity, type RecordFacts, recordFrame, recordLine } from '../evidence/record.ts'
import type { Spool } from '../evidence/spool.ts'
import { AegisError } from '../model/codes.ts'
import type { Clock } from '../model/ports.ts'
import type { DecisionTelemetry } from '../telemetry/telemetry.ts'
import type { Arrival } from './arrival.ts'

/** How a call ended: with a verdict, or with an error. */
export type Ending = Pick<
  RecordFacts,
  'decision' | 'enforced' | 'error' | 'mode' | 'reasons' | 'routeRegion' | 'policyNs' | 'dataClasses' | 'approvalId' | 'chain'
>

/** Leaves one record, one span and one metric for every call, and a record for every other act. */
export interface Journal extends EventLog {
  /** @returns resolves when the record is on disk. @throws AegisError audit_unavailable when the record cannot be taken */
  verdict(arrival: Arrival, ending: Ending): () => Promise<void>
  /** @returns the error to answer with: `audit_unavailable` when even the record of the refusal failed */
  refusal(arrival: Arrival, error: unknown): AegisError
}

export interface JournalOptions {
  identity: LogIdentity
  spool: Spool
  telemetry: DecisionTelemetry
  clock: Clock
  /** Records a second that refusals of strangers may take, and how many at once. */
  strangers?: { perSecond: number; burst: number }
}

const STRANGERS = { perSecond: 50, burst: 500 }

export function decisionJournal({ identity, spool, telemetry, clock, strangers = STRANGERS }: JournalOptions): Journal {
  const frame = recordFrame(identity)
  const mayRecordStranger = tokenBucket(strangers, clock)
  let unrecorded = 0

  const record = (arrival: Arrival, ending: Ending, options = { evenIfFailing: false }): number => {
    const durationMs = clock.monotonic() - arrival.startedMs
    const { line } = recordLine(frame, spool.nextSeq, {
      ...known(arrival),
      ...ending,
      unrecorded,
      timestampMs: clock.now(),
      principal: arrival.admitted?.principal,
      durationNs: Math.round(durationMs * 1e6),
    })
    const seq = spool.append(line, options)
    unrecorded = 0
    return seq
  }

  const observe = (arrival: Arrival, ending: Ending) =>
    telemetry.end(arrival.span, { ...known(arrival), ...ending, codes: codesOf(ending), durationMs: clock.monotonic() - arrival.startedMs })

  return {
    async write(event) {
      const seq = spool.append(eventLine(identity, spool.nextSeq, clock.now(), event))
      await spool.synced(seq)
    },

    verdict(arrival, ending) {
      const seq = record(arrival, ending)
      arrival.decided = true
      observe(arrival, ending)
      return async () => {
        try {
          await spool.synced(seq)
        } catch (error) {
          // The verdict still waits for the disk and will be written. What became of the call has to stand behind it.
          if (error instanceof AegisError) record(arrival, errorEnding(error), { evenIfFailing: true })
          throw error
        }
      }
    },

    refusal(arrival, error) {
      const refused = error instanceof AegisError ? error : new AegisError('internal_error', undefined, { cause: error })
      if (arrival.decided) return refused
      // Who has no token must not be able to fill the disk that every call's evidence needs. These are counted instead.
      if (arrival.admitted === undefined && !mayRecordStranger()) {
        unrecorded++
        observe(arrival, errorEnding(refused))
        return refused
      }
      try {
        record(arrival, errorEnding(refused))
        observe(arrival, errorEnding(refused))
        return refused
      } catch (failed) {
        const last = failed instanceof AegisError ? failed : new AegisError('audit_unavailable', undefined, { cause: failed })
        observe(arrival, errorEnding(last))
        return last
      }
    },
  }
}

/** @returns a function that says whether one more is due, at `perSecond` on average and `burst` at once */
function tokenBucket({ perSecond, burst }: { perSecond: number; burst: number }, clock: Clock): () => boolean {
  let tokens = burst
  let filledMs = clock.monotonic()
  return () => {
    const now = clock.monotonic()
    tokens = Math.min(burst, tokens + ((now - filledMs) * perSecond) / 1000)
    filledMs = now
    if (tokens < 1) return false
    tokens--
    return true
  }
}

/** What record and span both say of a call. */
function known({ decisionId, door, call, admitted }: Arrival) {
  return {
    decisionId,
    door,
    tool: call?.tool ?? null,
    action: call?.action ?? null,
    policyVersion: admitted?.policy.revision ?? '',
    tenantZone: admitted?.policy.tenants.get(admitted.principal.tenant)?.zone ?? null,
  }
}

/** How a call without a verdict ended. */
export function errorEnding({ code }: AegisError): Ending {
  return {
    decision: 'error',
    enforced: 'deny',
    error: code,
    mode: 'enforce',
    reasons: [],
    routeRegion: null,
    policyNs: 0,
    dataClasses: [],
    approvalId: null,
    chain: null,
  }
}

function codesOf({ error, reasons }: Ending): string[] {
  return error === undefined ? reasons.map(({ code }) => code) : [error]
}
