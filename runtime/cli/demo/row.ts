import type { Entrance, RunningFabric } from '../fabric-client.ts'

/** What a call of the demo table must be answered with. Fields that are absent do not matter; of several values one must be there. */
export interface Expected {
  status: number
  /** Code of the error body, where there is no verdict. */
  error?: string
  decision?: string | readonly string[]
  enforced?: string
  mode?: string
  /** A reason's code. */
  reason?: string | readonly string[]
  /** Zone of the region that the route leads to. */
  routeZone?: string
  /** Letters and digits that must stand nowhere in the verdict's `arguments`, which must be there. */
  withheld?: string
}

/** One call of the demo table. */
export interface DemoCall {
  /** Number of the row in the table of the demo deployment. */
  row: number
  what: string
  agent: string
  tool: string
  action: string
  /** JSON text of the arguments, sent as written. */
  args: string
  entrance: Entrance
  expected: Expected
  /** A token made for this call, instead of the one that the agent has. */
  token?: { issuerRegion?: string; aud?: string }
  /** The same, made already. */
  bearer?: string
  /** Through the tool proxy, which executes. */
  toolDoor?: boolean
  /** Override token. */
  approval?: string
  /** Idempotency key. */
  key?: string
  /** What must be lost while this call is made. */
  during?: 'zone eu and the control plane lost'
}

export interface DemoPlace {
  /** Regions that run, with their zones. */
  regions: readonly { region: string; zone: string }[]
  /** Zones with clients. */
  zones: readonly string[]
  /** Audience of tokens of tenants with binding none. */
  globalUrl: string
}

/** One thing that was done or looked at, and compared with what the table promises. */
export interface Step {
  row: number
  what: string
  agent: string
  expected: string
  got: string
  ok: boolean
  where: string
}

/** A row of several calls, and of what people do between them. */
export interface DemoFlow {
  row: number
  what: string
  agents: readonly string[]
  regions: readonly string[]
  /** Notes every step. What it has changed in the fabric it puts back, also when it throws. */
  walk(walk: Walk): Promise<void>
}

/** A call with its answer. */
export interface Made {
  ok: boolean
  status: number
  /** The answer's JSON, or undefined. */
  body: unknown
  /** Time from sending to the whole answer. */
  elapsedMs: number
  step: Step
}

/** What a flow walks with. */
export interface Walk {
  fabric: RunningFabric
  place: DemoPlace
  /** Letters that no other walk has: what this walk says is told from what others said before. */
  mark: string
  /** How long a change may take to be seen everywhere: only so that a walk ends, as how long it took is measured and told. */
  patienceMs: number
  /** Makes a call and compares, without noting it. An answer that does not come is one that does not fit. */
  make(call: DemoCall): Promise<Made>
  /** Makes a call and notes it. */
  call(call: DemoCall): Promise<Made>
  note(step: Step): void
  /** Something for people to read that is no promise of the table. */
  say(line: string): void
}
