import type { DemoCall, Expected } from './row.ts'

/** Of nobody. */
export const HEALTH_RECORD = 'Medical record number MRN 84730215, diagnosis ICD-10 E11.9.'

/** What the letter to a customer must not carry. */
const IBAN = 'DE89 3704 0044 0532 0130 00'
const IBAN_ENCODED = Buffer.from(IBAN.replaceAll(' ', '')).toString('base64')
const CARD = '4111 1111 1111 1111'

/** Rows 5, 6, 7 and 16: data in what is written to people. */
export function mails(): DemoCall[] {
  const mail = (body: string) => JSON.stringify({ to: 'customer@partner.example', subject: 'Your request', body })
  const send = { agent: 'support-agent', tool: 'email', action: 'send', entrance: { region: 'eu-west-1' } }
  const denied = (reason: string): Expected => ({ status: 200, decision: 'deny', enforced: 'deny', reason })
  return [
    {
      row: 5,
      what: 'a mail with an IBAN',
      ...send,
      args: mail(`Please pay into ${IBAN}.`),
      expected: {
        status: 200,
        decision: 'sanitize',
        enforced: 'sanitize',
        reason: 'data_class_sanitized',
        // Its middle: what a mask leaves of the ends does not show the account.
        withheld: '370400440532013',
      },
    },
    { row: 6, what: 'a mail with a card number', ...send, args: mail(`My card is ${CARD}.`), expected: denied('data_class_denied') },
    { row: 7, what: 'a mail with an IBAN in base64', ...send, args: mail(`Reference ${IBAN_ENCODED}.`), expected: denied('hidden_data') },
    {
      row: 16,
      what: 'a health record sent abroad, in shadow mode',
      ...send,
      agent: 'trial-agent',
      args: mail(HEALTH_RECORD),
      expected: { status: 200, decision: ['approval_needed', 'deny'], enforced: 'deny', mode: 'shadow' },
    },
  ]
}

/** Row 12: where an agent that reads the web must not come. */
export function fetches(): DemoCall[] {
  const targets: [string, string][] = [
    ['the metadata address', 'http://169.254.169.254/latest/meta-data/'],
    ['the metadata address as one number', 'http://2852039166/latest/meta-data/'],
    ['a private address', 'https://10.0.0.5/'],
    ['a loopback address', 'https://[::1]/'],
    ['a name that is rebound', 'https://rebinding.hostile.example/'],
    ['a name that leads inside', 'https://private.hostile.example/'],
    ['a host that is not listed', 'https://elsewhere.example/'],
    ['a host that looks listed', 'https://data.public.example@elsewhere.example/'],
  ]
  return targets.map(([what, url]) => ({
    row: 12,
    what: `the web: ${what}`,
    agent: 'research-agent',
    tool: 'web-fetch',
    action: 'fetch',
    args: JSON.stringify({ url }),
    entrance: { region: 'eu-west-1' },
    expected: { status: 200, decision: 'deny', enforced: 'deny', reason: ['egress_private_address', 'egress_not_allowed'] },
  }))
}
