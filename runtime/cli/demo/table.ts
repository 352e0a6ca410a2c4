import type { Entrance } from '../fabric-client.ts'
import { fetches, mails } from './leaks.ts'
import type { DemoCall, DemoPlace, Expected } from './row.ts'

export const PAYMENT = '{"amount":420000,"currency":"eur","recipient":"supplier-7","memo":"invoice 114"}'
export const LARGE_PAYMENT = PAYMENT.replace('420000', '600000')
const CONTACT = '{"id":"contact-7"}'
export const PATIENT = '{"patient":"patient-3"}'
export const ALLOW: Expected = { status: 200, decision: 'allow', enforced: 'allow' }

/** The rows that are calls and nothing else. The others are flows. */
export function demoCalls(place: DemoPlace): DemoCall[] {
  return [...payments(), ...refusals(), ...mails(), ...fetches(), ...residency(place), ...unbound(place)]
}

export const pay = { agent: 'finance-agent', tool: 'stripe-payments', action: 'create_payment' }

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
      row: 9,
      what: 'a payment over the limit, in shadow mode',
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
