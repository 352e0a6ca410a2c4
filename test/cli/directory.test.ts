import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fastify from 'fastify'
import { type DirectoryCommand, directory } from '../../runtime/cli/directory.ts'
import { runCommandLine } from '../../runtime/cli/run.ts'
import { guardByOperators } from '../../runtime/control-plane/api/operators.ts'
import { memoryDesk } from '../../runtime/control-plane/directory/desk.ts'
import { DIRECTORY_BODY_BYTES_MAX, directoryRoutes } from '../../runtime/control-plane/directory/routes.ts'
import type { OperatorRole } from '../../runtime/identity/operator-token.ts'
import { context, filled, OTHER_SECRET, SECRET } from '../control-plane/directory/world.ts'
import { type FakeFabric, fakeFabric, refusal, type Said, type Seen } from './fake-fabric.ts'

let fabric: FakeFabric
let answer: (seen: Seen) => Said | undefined
let lines: string[]
const out = (line: string) => void lines.push(line)
const run = (command: Omit<DirectoryCommand, 'stateDir'>) => directory({ ...command, stateDir: fabric.stateDir } as DirectoryCommand, out)

beforeEach(async () => {
  lines = []
  fabric = await fakeFabric([{ region: 'eu-west-1', zone: 'eu' }], (seen) => answer(seen))
})
afterEach(() => fabric.close())

const SHOWN = {
  version: 7,
  tenants: {
    'acme-eu': { zone: 'eu', home_region: 'eu-west-1', binding: 'zone', mode: 'enforce', residency: 'enforce' },
    umbrella: { binding: 'none', mode: 'enforce', residency: 'enforce' },
  },
  clients: { 'finance-agent': { tenant: 'acme-eu', has_secret: true, assertions: [{}, {}] } },
  budgets: { 'finance-agent': { amount: 400, unit: 'eur', tenant: 'acme-eu', reason: 'quarter end' } },
  bundle_readers: { edge: { zone: 'eu', has_secret: true } },
  lifted: ['kill-1', 'kill-2'],
  removed_keys: { 'us-east-1': ['old'] },
}
const columns = (line: string | undefined) => line?.split(/ {2,}/)

describe('show', () => {
  test('lists every part, as a viewer', async () => {
    answer = () => ({ status: 200, body: SHOWN })
    await expect(run({ do: 'show', json: false } as never)).resolves.toBe(0)
    expect(fabric.seen.map(({ method, server, path, token }) => [method, server, path, token])).toEqual([
      ['GET', 'control-plane', '/v1/directory', 'viewer'],
    ])
    expect(lines[0]).toBe('version 7')
    expect(lines.map(columns)).toEqual(
      expect.arrayContaining([
        ['acme-eu', 'eu', 'eu-west-1', 'zone', 'enforce', 'enforce'],
        ['umbrella', '-', '-', 'none', 'enforce', 'enforce'],
        ['finance-agent', 'acme-eu', 'secret, assertions (2)'],
        ['finance-agent', 'acme-eu', '400', 'eur', 'quarter end'],
        ['edge', 'eu'],
        ['lifted: kill-1, kill-2'],
        ['removed keys of us-east-1: old'],
      ]),
    )
  })

  test('gives the answer as it is as JSON', async () => {
    answer = () => ({ status: 200, body: SHOWN })
    await run({ do: 'show', json: true } as never)
    expect(lines.map((line) => JSON.parse(line))).toEqual([SHOWN])
  })

  test('an empty directory is its version and nothing else', async () => {
    answer = () => ({
      status: 200,
      body: { version: 0, tenants: {}, clients: {}, budgets: {}, bundle_readers: {}, lifted: [], removed_keys: {} },
    })
    await run({ do: 'show', json: false } as never)
    expect(lines).toEqual(['version 0'])
  })
})

describe('set and remove', () => {
  const set = (more: object = {}) =>
    run({ do: 'set', what: 'budget', id: 'finance-agent', fields: { amount: 9, reason: 'less' }, ...more } as never)
  const taken = ({ method }: Seen): Said => ({ status: 200, body: method === 'GET' ? SHOWN : { version: 8 } })

  test('are made for the version that the directory has now', async () => {
    answer = taken
    await expect(set()).resolves.toBe(0)
    expect(fabric.seen.map(({ method, path, token, body, headers }) => [method, path, token, body, headers['if-match']])).toEqual([
      ['GET', '/v1/directory', 'publisher', undefined, undefined],
      ['PUT', '/v1/directory/budgets/finance-agent', 'publisher', { amount: 9, reason: 'less' }, '"7"'],
    ])
    expect(lines).toEqual(['set budget finance-agent: version 8; regions follow when they have read the new directory'])
  })

  test('are made for a version that was named, with a reason, and nothing is asked before', async () => {
    answer = taken
    await run({ do: 'remove', what: 'reader', id: 'edge', reason: 'ältere Schlüssel & mehr', ifVersion: 5 } as never)
    expect(fabric.seen.map(({ method, path, headers }) => [method, path, headers['if-match']])).toEqual([
      ['DELETE', `/v1/directory/bundle-readers/edge?reason=${encodeURIComponent('ältere Schlüssel & mehr')}`, '"5"'],
    ])
    expect(lines[0]).toMatch(/^removed reader edge: version 8/)
  })

  test('say so when nothing changed by it', async () => {
    answer = () => ({ status: 200, body: { version: 7 } })
    await set()
    expect(lines).toEqual(['budget finance-agent is so already: version 7 stays'])
  })

  test.each<[string, (seen: Seen) => Said | undefined, RegExp]>([
    ['a stale version', () => refusal(412, 'stale_directory'), /^setting budget finance-agent was refused: stale_directory: because/],
    ['a person without the role', () => refusal(403, 'subject_mismatch'), /refused: subject_mismatch/],
    ['what is not there', () => refusal(404, 'not_found'), /refused: not_found/],
    ['an answer that is no JSON error', () => ({ status: 500, body: 'oh' }), /HTTP 500: without an error body/],
    ['a control plane that is down', () => undefined, /^the control plane does not answer$/],
  ])('refuse %s, in one line', async (_, said, message) => {
    answer = said
    await expect(set({ ifVersion: 7 })).rejects.toMatchObject({ message: expect.stringMatching(message), exitCode: 1 })
    expect(lines).toEqual([])
  })

  test('list the faults of a refusal line by line', async () => {
    answer = () => ({ status: 400, body: { error: { code: 'directory_refused', message: 'first\nsecond' } } })
    await expect(set({ ifVersion: 7 })).rejects.toThrow(
      'setting budget finance-agent was refused: directory_refused: 2 faults, listed above',
    )
    expect(lines).toEqual(['first', 'second'])
  })
})

describe('changes', () => {
  const one = {
    version: 3,
    at: '2026-11-27T10:00:00.000Z',
    by: { iss: 'i', sub: 'ann' },
    reason: 'leaver',
    tenant: 'acme-eu',
    change: { kind: 'remove_client', id: 'finance-agent' },
  }

  test('are listed with who, when, what and why', async () => {
    answer = () => ({ status: 200, body: { changes: [one], more: true } })
    await run({ do: 'changes', after: 2, json: false } as never)
    expect(fabric.seen[0]).toMatchObject({ path: '/v1/directory/changes?after=2', token: 'viewer' })
    expect(columns(lines[1])).toEqual(['3', '2026-11-27T10:00:00.000Z', 'ann', 'remove client', 'finance-agent', 'leaver'])
    expect(lines[2]).toBe('there are more: --after 3')
  })

  test('say so when there are none, and as JSON are what was answered', async () => {
    answer = () => ({ status: 200, body: { changes: [], more: false } })
    await run({ do: 'changes', after: 9, json: false } as never)
    await run({ do: 'changes', after: 9, json: true } as never)
    expect(lines).toEqual(['nothing was changed after version 9', '{"changes":[],"more":false}'])
  })
})

test('works against the control plane’s own routes', async () => {
  const desk = memoryDesk({ clock: { now: () => 0 }, context: () => context, state: filled() })
  const app = fastify()
  app.register(async (guarded) => {
    const verify = async (authorization: string | undefined) => {
      const role = (authorization ?? '').replace('Bearer ', '') as OperatorRole
      return { iss: 'https://login.example', sub: `${role}@operators`, roles: [role], tenants: ['*'] }
    }
    guardByOperators(guarded, { verify }, { bodyBytesMax: DIRECTORY_BODY_BYTES_MAX })
    await guarded.register(directoryRoutes({ desk, agents: () => context.agents }))
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    const file = join(fabric.stateDir, 'fabric.json')
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), control_plane: url }))
    const put = (what: string, id: string, fields: object) => run({ do: 'set', what, id, fields, reason: 'r' } as never)
    await put('tenant', 'newco', { binding: 'none' })
    await put('client', 'support-agent', { secret_sha256: OTHER_SECRET })
    await put('budget', 'finance-agent', { amount: 1, reason: 'less' })
    await put('reader', 'mesh', { zone: 'us', secret_sha256: OTHER_SECRET })
    for (const [what, id] of [
      ['tenant', 'newco'],
      ['client', 'support-agent'],
      ['budget', 'finance-agent'],
      ['reader', 'mesh'],
    ])
      await run({ do: 'remove', what, id } as never)
    await expect(put('tenant', 'newco', { binding: 'none', zone: 'eu', home_region: 'eu-west-1' })).rejects.toThrow(/2 faults/)
    lines = []
    await run({ do: 'show', json: false } as never)
    await run({ do: 'changes', after: 0, json: false } as never)
    expect(lines[0]).toBe('version 8')
    expect(lines.filter((line) => /^\d/.test(line))).toHaveLength(8)
    expect(lines.join('\n')).not.toContain(SECRET)
  } finally {
    await app.close()
  }
})

describe('the command line', () => {
  const understood = async (...words: string[]) => {
    const commands: DirectoryCommand[] = []
    const code = await runCommandLine(words, {
      directory: async (command: DirectoryCommand) => {
        commands.push(command)
        return 0
      },
    } as never)
    return [code, commands[0]]
  }

  test('knows what is set, and asks with its fields', async () => {
    expect(await understood('directory', 'set', 'tenant', 'newco', '--json', '{"binding":"none"}', '--if-version', '3')).toEqual([
      0,
      expect.objectContaining({ do: 'set', what: 'tenant', id: 'newco', fields: { binding: 'none' }, ifVersion: 3 }),
    ])
    expect(await understood('directory', 'remove', 'reader', 'edge')).toEqual([
      0,
      expect.objectContaining({ do: 'remove', what: 'reader' }),
    ])
    expect(await understood('directory', 'changes', '--json')).toEqual([
      0,
      expect.objectContaining({ do: 'changes', after: 0, json: true }),
    ])
    expect(await understood('directory', 'show')).toEqual([0, expect.objectContaining({ do: 'show', json: false })])
  })

  test.each([
    [['directory', 'set', 'agent', 'x', '--json', '{}']],
    [['directory', 'set', 'tenant', 'x']],
    [['directory', 'set', 'tenant', 'x', '--json', '{']],
    [['directory', 'set', 'tenant', 'x', '--json', '[]']],
    [['directory', 'set', 'tenant', 'x', '--json', 'null']],
    [['directory', 'remove', 'tenant']],
    [['directory', 'changes', '--after', '-1']],
    [['directory', 'frobnicate']],
  ])('refuses %j as wrong usage', async (words) => {
    expect(await understood(...words)).toEqual([2, undefined])
  })
})
