import { type LogIdentity, type RecordFacts, recordFrame, recordLine } from '../evidence/record.ts'
import type { Spool } from '../evidence/spool.ts'
import { AegisError } from '../model/codes.ts'
import type { Clock } from '../model/ports.ts'
import type { DecisionTelemetry } from '../telemetry/telemetry.ts'
import type { Arrival } from './arrival.ts'

/** How a call ended: with a verdict, or with an error. */
export type Ending = Pick<RecordFacts, 'decision' | 'enforced' | 'error' | 'mode' | 'reasons' | 'routeRegion' | 'policyNs'>

/** Leaves one record, one span and one metric for every call. */
export interface Journal {
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
}

export function decisionJournal({ identity, spool, telemetry, clock }: JournalOptions): Journal {
  const frame = recordFrame(identity)

  const record = (arrival: Arrival, ending: Ending): number => {
    const facts = { ...known(arrival), ...ending, durationMs: clock.monotonic() - arrival.startedMs }
    const { line } = recordLine(frame, spool.nextSeq, {
      ...facts,
      timestampMs: clock.now(),
      principal: arrival.admitted?.principal,
      dataClasses: [],
      durationNs: Math.round(facts.durationMs * 1e6),
    })
    const seq = spool.append(line)
    telemetry.end(arrival.span, { ...facts, codes: codesOf(ending) })
    return seq
  }

  return {
    verdict(arrival, ending) {
      const seq = record(arrival, ending)
      return () => spool.synced(seq)
    },
    refusal(arrival, error) {
      const refused = error instanceof AegisError ? error : new AegisError('internal_error', undefined, { cause: error })
      try {
        record(arrival, refusalOf(refused))
        return refused
      } catch (unrecorded) {
        const last = unrecorded instanceof AegisError ? unrecorded : new AegisError('audit_unavailable', undefined, { cause: unrecorded })
        const ending = refusalOf(last)
        telemetry.end(arrival.span, {
          ...known(arrival),
          ...ending,
          codes: codesOf(ending),
          durationMs: clock.monotonic() - arrival.startedMs,
        })
        return last
      }
    },
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

function refusalOf({ code }: AegisError): Ending {
  return { decision: 'error', enforced: 'deny', error: code, mode: 'enforce', reasons: [], routeRegion: null, policyNs: 0 }
}

function codesOf({ error, reasons }: Ending): string[] {
  return error === undefined ? reasons.map(({ code }) => code) : [error]
}
