import type { Entrance } from './fabric-client.ts'

/** What a call of the demo table must be answered with. Fields that are absent do not matter. */
export interface Expected {
  status: number
  /** Code of the error body, where there is no verdict. */
  error?: string
  decision?: string
  enforced?: string
  mode?: string
  /** A reason's code. */
  reason?: string
  /** Zone of the region that the route leads to. */
  routeZone?: string
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

/** Rows that need parts which this version does not have. Never counted as passed. */
export const NOT_IN_THIS_VERSION: Readonly<Record<number, string>> = {
  5: 'an IBAN is sanitized',
  6: 'a card number is denied',
  7: 'an IBAN in base64 is denied',
  10: 'a residency export is approved',
  12: 'private and unlisted hosts are denied',
  13: 'a budget holds across regions',
  14: 'a kill switch holds in every region',
  16: 'shadow never softens residency',
  18: 'a tainted chain is denied',
  19: 'an idempotency key is honoured',
}

const PAYMENT = '{"amount":420000,"currency":"eur","recipient":"supplier-7","memo":"invoice 114"}'
const LARGE_PAYMENT = PAYMENT.replace('420000', '600000')
const CONTACT = '{"id":"contact-7"}'
const PATIENT = '{"patient":"patient-3"}'
const ALLOW: Expected = { status: 200, decision: 'allow', enforced: 'allow' }

/** The calls of the rows that this version answers, for what runs here. */
export function demoCalls(place: DemoPlace): DemoCall[] {
  return [...payments(), ...refusals(), ...residency(place), ...unbound(place)].sort((one, other) => one.row - other.row)
}

const pay = { agent: 'finance-agent', tool: 'stripe-payments', action: 'create_payment' }

function payments(): DemoCall[] {
  const at = (entrance: Entrance): DemoCall => ({
    row: 1,
    what: 'a payment within the limit',
    ...pay,
    args: PAYMENT,
    entrance,
    expected: ALLOW,
  })
  return [
    at({ region: 'eu-west-1' }),
    at({ region: 'eu-central-1' }),
    at({ via: 'eu' }),
    {
      row: 2,
      what: 'a payment over the limit',
      ...pay,
      args: LARGE_PAYMENT,
      entrance: { region: 'eu-west-1' },
      expected: { status: 200, decision: 'approval_needed', enforced: 'approval_needed', reason: 'amount_over_limit' },
    },
    {
      row: 9,
      what: 'the same in shadow mode',
      ...pay,
      agent: 'trial-agent',
      args: LARGE_PAYMENT,
      entrance: { region: 'eu-west-1' },
      expected: { status: 200, decision: 'approval_needed', enforced: 'allow', mode: 'shadow', reason: 'amount_over_limit' },
    },
  ]
}

function refusals(): DemoCall[] {
  const malformed: [string, string][] = [
    ['1e400', PAYMENT.replace('420000', '1e400')],
    ['null', PAYMENT.replace('420000', 'null')],
    ['"420000"', PAYMENT.replace('420000', '"420000"')],
    ['-1', PAYMENT.replace('420000', '-1')],
    ['given twice', PAYMENT.replace('{', '{"amount":1,')],
  ]
  return [
    ...malformed.map(
      ([amount, args]): DemoCall => ({
        row: 3,
        what: `an amount that is ${amount}`,
        ...pay,
        args,
        entrance: { region: 'eu-west-1' },
        expected: { status: 400, error: 'malformed_call' },
      }),
    ),
    {
      row: 4,
      what: 'a tool that the agent may not use',
      agent: 'finance-agent',
      tool: 'ehr',
      action: 'read_record',
      args: PATIENT,
      entrance: { region: 'eu-west-1' },
      expected: { status: 200, decision: 'deny', enforced: 'deny', reason: 'tool_not_allowed' },
    },
    {
      row: 8,
      what: 'a token of another zone',
      ...pay,
      args: PAYMENT,
      entrance: { region: 'us-east-1' },
      expected: { status: 401, error: 'wrong_zone' },
    },
  ]
}

function residency({ zones }: DemoPlace): DemoCall[] {
  const contact = {
    row: 11,
    what: 'a call that stays in its zone',
    agent: 'support-agent',
    tool: 'crm',
    action: 'read_contact',
    args: CONTACT,
  }
  const expected = { ...ALLOW, routeZone: 'eu' }
  return [
    { ...contact, entrance: { region: 'eu-west-1' }, expected },
    // From any continent the zone's name leads into the zone.
    ...zones.map((from): DemoCall => ({ ...contact, entrance: { via: 'eu', from }, expected })),
    {
      row: 15,
      what: 'a payment in the us',
      agent: 'ops-agent',
      tool: 'stripe-payments',
      action: 'create_payment',
      args: PAYMENT.replace('eur', 'usd'),
      entrance: { region: 'us-east-1' },
      expected: ALLOW,
      during: 'zone eu and the control plane lost',
    },
    {
      row: 17,
      what: 'a region-bound tenant at the standby',
      agent: 'ward-agent',
      tool: 'ehr',
      action: 'read_record',
      args: PATIENT,
      entrance: { region: 'eu-central-1' },
      expected: { status: 503, error: 'home_region_unavailable' },
    },
  ]
}

function unbound({ regions, zones, globalUrl }: DemoPlace): DemoCall[] {
  const read = { row: 20, agent: 'research-agent', tool: 'crm', action: 'read_contact', args: CONTACT, expected: ALLOW }
  const issued = regions.flatMap(({ region: issuerRegion }) => regions.map(({ region }) => ({ issuerRegion, region })))
  return [
    ...issued.map(
      ({ issuerRegion, region }): DemoCall => ({
        ...read,
        what: `an unbound tenant, token of ${issuerRegion}`,
        entrance: { region },
        token: { issuerRegion },
      }),
    ),
    ...zones.map((from): DemoCall => ({ ...read, what: 'an unbound tenant by the global name', entrance: { via: 'global', from } })),
    {
      ...read,
      what: 'a bound tenant with the global audience',
      agent: 'support-agent',
      entrance: { region: 'eu-west-1' },
      token: { aud: globalUrl },
      expected: { status: 401, error: 'wrong_audience' },
    },
  ]
}

/** Whether what the call needs is running here: with fewer regions some rows have nowhere to go. */
export function canRun({ entrance, token, agent }: DemoCall, { regions }: DemoPlace, agents: readonly string[]): boolean {
  const runs = (region: string | undefined) => region === undefined || regions.some((cell) => cell.region === region)
  return runs('region' in entrance ? entrance.region : undefined) && runs(token?.issuerRegion) && agents.includes(agent)
}
