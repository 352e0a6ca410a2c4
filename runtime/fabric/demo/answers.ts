import { createHash } from 'node:crypto'

interface Asked {
  host: string
  /** Null: a host that agents only reach by URL. */
  tool: string | null
  region: string
  method: string
  path: string
  body: string
}

export interface DemoAnswer {
  status: number
  headers?: Record<string, string>
  body: object
}

/**
 * What a demo tool answers: plausible, harmless, and the same for the same call. An action without an answer of its own is echoed. A host
 * that is no tool redirects `/redirect?to=...` to wherever that says, as hosts on the internet do.
 */
export function answerOf(asked: Asked): DemoAnswer {
  const action = asked.path.split('?')[0]?.split('/').at(-1) ?? ''
  const to = asked.tool === null && action === 'redirect' ? new URLSearchParams(asked.path.split('?')[1]).get('to') : null
  if (to !== null && /^[\x21-\x7e]+$/.test(to)) return { status: 302, headers: { location: to }, body: { redirected: true } }
  const given = parsed(asked.body)
  const served_by = { host: asked.host, region: asked.region }
  const answer = Object.hasOwn(ANSWERS, action) ? ANSWERS[action] : undefined
  if (answer === undefined)
    return { status: 200, body: { method: asked.method, path: asked.path, received_bytes: Buffer.byteLength(asked.body), served_by } }
  if (given === undefined) return { status: 400, body: { error: 'the body is not a JSON object', served_by } }
  return { status: 200, body: { ...answer(given, idOf(asked)), served_by } }
}

type Fields = Record<string, unknown>

const ANSWERS: Record<string, (given: Fields, id: string) => Fields> = {
  create_payment: ({ amount, currency, recipient }, id) => ({ payment: `pay_${id}`, status: 'accepted', amount, currency, recipient }),
  read_contact: ({ id }) => ({ id, name: 'Erika Example', company: 'Example Supplies', since: '2021-04-01' }),
  update_contact: ({ id }) => ({ id, updated: true }),
  read_record: ({ patient }) => ({ patient, summary: 'no record: this is a demo' }),
  send: ({ to }, id) => ({ message: `msg_${id}`, to, queued: true }),
}

function idOf({ host, path, body }: Asked): string {
  return createHash('sha256').update(`${host} ${path} ${body}`).digest('hex').slice(0, 16)
}

function parsed(body: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
  } catch {
    return undefined
  }
}
