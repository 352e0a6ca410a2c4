import { gzipSync } from 'node:zlib'
import { keyOf, seal } from '../../../runtime/gateway/recording/sealed.ts'
import { replayObject } from '../../../runtime/gateway/replay/replay-object.ts'
import { candidateOf } from '../../../runtime/policy/replay/candidate.ts'

const key = keyOf(new Uint8Array(32).fill(1))
const evaluator = {
  evaluate: () => {
    throw new Error('every call is a new deny')
  },
}
const candidate = candidateOf({ agents: new Map(), tools: new Map(), zones: {}, evaluator })

const line = (at: number, asked = true) =>
  JSON.stringify({
    v: 1,
    decision_id: `d-${at}`,
    at_ms: at,
    tenant: 'acme-eu',
    agent: 'a',
    tool: 'pay',
    action: 'send',
    mode: 'enforce',
    revision: 'r',
    bundle_digest: 'b',
    decision: 'allow',
    enforced: 'allow',
    reasons: [],
    policy: asked
      ? {
          outcome: 'allow',
          reasons: [],
          input: {
            call: { tool: 'pay', action: 'send', arguments: {} },
            agent: { id: 'a' },
            tenant: { id: 'acme-eu' },
            tool: null,
            data: {},
          },
          basis: { reads: [], budget_unit: null, chain_rules: false },
        }
      : null,
  })

const sealed = (text: string | Buffer) => seal(gzipSync(text), 'o', key)
const replay = (stored: Uint8Array, { limit = 100, sinceMs = 0, keys = [key] } = {}) =>
  replayObject({ name: 'o', stored, limit }, candidate, keys, sinceMs)

test('the newest first, those since then, and none that policy was not asked about', async () => {
  const stored = sealed([line(1), line(2), line(3, false), line(4)].join('\n'))
  expect(await replay(stored)).toMatchObject({ replayed: 3, newDenies: 3, decisionIds: { 'allow>deny': ['d-4', 'd-2', 'd-1'] } })
  expect(await replay(stored, { limit: 2 })).toMatchObject({ replayed: 2, decisionIds: { 'allow>deny': ['d-4', 'd-2'] } })
  expect(await replay(stored, { sinceMs: 2 })).toMatchObject({ replayed: 2 })
})

test.each<[string, Uint8Array, Parameters<typeof replay>[1]]>([
  ['another key', sealed(line(1)), { keys: [keyOf(new Uint8Array(32).fill(2))] }],
  ['no key', sealed(line(1)), { keys: [] }],
  ['a bit that was turned', sealed(line(1)).with(40, 1), {}],
  ['a part of an object', sealed(line(1)).slice(0, -3), {}],
  ['nothing', new Uint8Array(), {}],
  ['what is no gzip', seal(Buffer.from('plain'), 'o', key), {}],
  ['a bomb', sealed(Buffer.alloc(65 * 1024 * 1024)), {}],
  ['lines of another version', sealed(line(1).replace('"v":1', '"v":2')), {}],
  ['lines that are no JSON', sealed(`${line(1)}\n{`), {}],
])('refuses %s', async (_what, stored, options) => {
  await expect(replay(stored, options)).rejects.toThrow()
})
