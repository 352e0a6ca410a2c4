import type { HeldReservation } from '../../budget/keeper.ts'
import type { Mode, Outcome, PendingApproval, Reason, Route } from '../../model/verdict.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { Services } from '../services.ts'
import type { EnrichedCall } from './enrich.ts'
import { denial, type Judgement } from './judge.ts'
import type { Payload } from './rewrite.ts'

/** What a call has gathered on its way. */
export class Way {
  readonly judging: Judging
  chain: string | null = null
  dataClasses: readonly string[] = []
  approvalId: string | null = null
  readonly stagesMs: StagesMs

  constructor(judging: Judging) {
    this.judging = judging
    this.stagesMs = { enrich: judging.enrichMs, classify: 0, policy: 0, guard: 0, state: 0 }
  }

  denied(reason: Reason): Decision {
    return this.ended(denial(reason), 'deny')
  }

  ended({ outcome, reasons }: Pick<Judgement, 'outcome' | 'reasons'>, enforced: Outcome): Decision {
    const { enriched, services } = this.judging
    if (enforced !== outcome) services.telemetry.softened(enriched.tenant.id, enriched.call.tool, reasons)
    return {
      decision: outcome,
      enforced,
      mode: enriched.mode,
      reasons,
      tenantZone: enriched.tenant.zone,
      chain: this.chain,
      dataClasses: this.dataClasses,
      route: undefined,
      payload: undefined,
      attestation: undefined,
      approval: undefined,
      approvalId: this.approvalId,
      reservation: undefined,
      redeemed: false,
      stagesMs: this.stagesMs,
    }
  }

  async timed<T>(stage: keyof StagesMs, work: () => Promise<T> | T): Promise<T> {
    const { clock } = this.judging.services
    const startMs = clock.monotonic()
    try {
      return await work()
    } finally {
      this.stagesMs[stage] += clock.monotonic() - startMs
    }
  }

  timedNow<T>(stage: keyof StagesMs, work: () => T): T {
    const { clock } = this.judging.services
    const startMs = clock.monotonic()
    const done = work()
    this.stagesMs[stage] += clock.monotonic() - startMs
    return done
  }
}

/** What becomes of a call, and why. */
export interface Decision {
  decision: Outcome
  enforced: Outcome
  mode: Mode
  reasons: Reason[]
  tenantZone: string
  chain: string | null
  dataClasses: readonly string[]
  route: Route | undefined
  /** What may leave. Undefined when nothing may. */
  payload: Payload | undefined
  /** The permission that goes along with what leaves, as a header. */
  attestation: string | undefined
  approval: PendingApproval | undefined
  approvalId: string | null
  /** What was set aside; the door settles or releases it. */
  reservation: HeldReservation | undefined
  /** An approval was used up: nothing may leave before the record of it is on disk. */
  redeemed: boolean
  /** Milliseconds that each stage took. */
  stagesMs: StagesMs
}

export interface StagesMs {
  enrich: number
  classify: number
  policy: number
  guard: number
  /** Approval, budget and chain: what the region's own tables were asked for. */
  state: number
}

export interface Judging {
  enriched: EnrichedCall
  policy: ActivePolicy
  services: Services
  decisionId: string
  enrichMs: number
}
