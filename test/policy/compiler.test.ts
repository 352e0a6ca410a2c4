import { describe, expect, test } from '@jest/globals'
import type { CompileContext } from '../../runtime/policy/compiler.ts'
import { compilePolicy } from '../../runtime/policy/compiler.ts'
import { documentsFrom, loadDocuments, revisionOf } from '../../runtime/policy/documents.ts'
import { builtModules, changedSinceBuilt, knownBuilt, modulesOf } from '../../runtime/policy/modules.ts'
import { PolicyRefusedError } from '../../runtime/policy/refused.ts'
import type { Sources } from '../../runtime/policy/sources.ts'
import { demoContext, demoSources, edited } from '../support/sources.ts'

const AGENT = 'documents/agents/finance-agent.yaml'

async function refusal(sources: Sources, context: Partial<CompileContext> = {}): Promise<PolicyRefusedError> {
  try {
    await compilePolicy(sources, { ...demoContext, ...context })
  } catch (error) {
    if (error instanceof PolicyRefusedError) return error
    throw error
  }
  throw new Error('was compiled')
}

describe('sources of documents alone', () => {
  test('compile without opa, to the revision that the fabric knows them by', async () => {
    const { revision, documents, modules, checks } = await compilePolicy(demoSources, demoContext)
    expect(revision).toBe(revisionOf(builtModules().wasm, loadDocuments('demo')))
    expect(documents).toEqual(loadDocuments('demo'))
    expect(modules).toEqual(builtModules())
    expect(checks.map(({ name }) => name)).toEqual(['sources', 'documents', 'lint', 'hosts', 'rego', 'module'])
    expect(checks.find(({ name }) => name === 'hosts')?.detail).toBe('not compared: what the deployed allowlists hold is not known here')
    expect(checks.find(({ name }) => name === 'rego')?.detail).toMatch(/^unchanged: module [0-9a-f]{12} was checked and built before/)
  })

  test('give the same result every time, and another revision when a limit differs', async () => {
    const one = await compilePolicy(demoSources, demoContext)
    expect(await compilePolicy(new Map([...demoSources].reverse()), demoContext)).toEqual(one)
    const raised = await compilePolicy(edited(demoSources, AGENT, '500000', '800000'), demoContext)
    expect(raised.revision).not.toBe(one.revision)
    expect(raised.modules.digest).toBe(one.modules.digest)
  })

  test('keep their revision when tenants change, or a document moves to another file', async () => {
    const { revision } = await compilePolicy(demoSources, demoContext)
    const tenants = demoContext.tenants.map((tenant) => (tenant.id === 'globex-us' ? { ...tenant, mode: 'shadow' as const } : tenant))
    expect((await compilePolicy(demoSources, { ...demoContext, tenants })).revision).toBe(revision)
    const moved = new Map(demoSources)
    moved.delete(AGENT)
    moved.set('documents/agents/zz-moved.yaml', demoSources.get(AGENT) ?? '')
    expect((await compilePolicy(moved, demoContext)).revision).toBe(revision)
  })

  test('say which regions their hosts were compared with', async () => {
    const all = [{ region: 'us-east-1', stack: 's', hosts: ['*.example'] }]
    const { checks } = await compilePolicy(demoSources, { ...demoContext, deployedHosts: all })
    expect(checks.find(({ name }) => name === 'hosts')?.detail).toBe('every host is on the deployed allowlist of us-east-1')
  })
})

describe('refuses, with file, line and one line a fault', () => {
  test.each<[string, Sources, RegExp]>([
    ['broken YAML', edited(demoSources, AGENT, 'allowed_tools:', 'allowed_tools: ['), /^documents\/agents\/finance-agent.yaml:\d+:\d+: /],
    ['a wrong type', edited(demoSources, AGENT, 'value: 500000', 'value: "500000"'), /:7:21: allowed_tools\.\S+\.value: must be a whole/],
    [
      'a limit without a currency',
      edited(demoSources, AGENT, ', currency: eur', ''),
      /max_amount.currency: is missing: say which currency/,
    ],
    ['a tool that does not exist', edited(demoSources, AGENT, 'crm:', 'crn:'), /there is no crn.read_contact in tools.yaml/],
    ['an argument that policy does not see', edited(demoSources, AGENT, '{ recipient:', '{ memo:'), /list it in policy_reads/],
    ['a data class that does not exist', edited(demoSources, AGENT, 'card:', 'creditcard:'), /there is no data class creditcard/],
    [
      'a tenant that the directory lacks',
      edited(demoSources, AGENT, 'acme-eu', 'acme-us'),
      /there is no tenant acme-us in the directory of the control plane/,
    ],
    [
      'an agent of another zone',
      edited(demoSources, AGENT, 'acme-eu', 'acme-eu\nzone: us'),
      /:4:1: zone: says us, and tenant acme-eu is in zone eu/,
    ],
    [
      'other roots',
      new Map(demoSources).set('modules/gateway/.manifest', '{"roots":[""]}'),
      /\.manifest:1:1: must be \{"roots":\["aegis"\]/,
    ],
    [
      'capabilities of their own',
      edited(demoSources, 'modules/capabilities.json', '"name":"abs"', '"name":"http.send"'),
      /is not the pinned one/,
    ],
    [
      'a schema that is fetched',
      edited(demoSources, 'modules/schemas/input.json', '"type": "object",', '"$ref": "http://169.254.169.254/x", "type": "object",'),
      /input.json:1:1: refers to "http:\/\/169/,
    ],
    ['capabilities that are no JSON', new Map(demoSources).set('modules/capabilities.json', '{'), /capabilities.json:1:1: is not JSON/],
    ['a path of somebody else', new Map(demoSources).set('documents/tenants.yaml', ''), /^documents\/tenants.yaml:1:1: this path/],
  ])('%s', async (_, sources, message) => {
    const error = await refusal(sources)
    expect(error.message).toMatch(message)
    expect(error.message.split('\n')).toHaveLength(error.faults.length)
    expect(error.faults[0]).toMatchObject({ line: expect.any(Number), column: expect.any(Number), file: expect.any(String) })
  })

  test('an agent whose client belongs to another tenant', async () => {
    const error = await refusal(edited(demoSources, AGENT, 'acme-eu', 'globex-us'))
    expect(error.message).toMatch(/finance-agent.yaml:3:1: tenant: the client of finance-agent in the directory belongs to tenant acme-eu/)
  })

  test('changed Rego where there is no opa, with the command that installs it', async () => {
    const changed = edited(demoSources, 'modules/gateway/chain.rego', 'input.tool.effect == "write"', 'input.tool.effect != "read"')
    const error = await refusal(changed)
    expect(error.message).toMatch(/^modules\/gateway\/chain.rego:1:1: Rego changed, and opa 1\.19\.1 is not .*; run npm run tools there/)
    expect(changedSinceBuilt(changed)).toEqual(['modules/gateway/chain.rego'])
  })

  test('changed Rego where the opa that is named is none', async () => {
    const opa = async () => {
      throw new Error('OPA_BIN=/bin/false is not opa, opa 1.19.1 is needed; run npm run tools')
    }
    const { message } = await refusal(edited(demoSources, 'modules/gateway/access.rego', 'package', '# other\npackage'), { opa })
    expect(message).toMatch(/^modules\/gateway:1:1: OPA_BIN=\/bin\/false is not opa/)
  })

  test('changed Rego tests where there is no opa: nobody knows whether they pass', async () => {
    const error = await refusal(edited(demoSources, 'modules/tests/chain_test.rego', 'package', '# changed\npackage'))
    expect(error.message).toMatch(/^modules\/tests\/chain_test.rego:1:1: Rego changed/)
  })

  test('a known module that does not load', async () => {
    const broken = { ...builtModules(), wasm: builtModules().wasm.subarray(0, 1000) }
    const error = await refusal(demoSources, { knownModules: () => broken })
    expect(error.message).toMatch(/^modules\/gateway:1:1: the module does not answer as it must: the policy module could not be loaded/)
  })

  test('every fault of a step at once', async () => {
    const twice = edited(
      edited(demoSources, AGENT, 'value: 500000', 'value: -1'),
      'documents/agents/ops-agent.yaml',
      'card: deny',
      'card: no',
    )
    expect((await refusal(twice)).faults).toHaveLength(2)
  })
})

describe('the digest of modules', () => {
  test('is that of the committed module, and follows what decides its bytes alone', () => {
    const { digest, checked } = modulesOf(demoSources)
    expect(builtModules()).toMatchObject({ digest, checked })
    expect(knownBuilt('0'.repeat(64))).toBeUndefined()
    const rego = modulesOf(edited(demoSources, 'modules/gateway/chain.rego', 'package', '# x\npackage'))
    expect(rego.digest).not.toBe(digest)
    const tests = modulesOf(edited(demoSources, 'modules/tests/chain_test.rego', 'package', '# x\npackage'))
    expect(tests.digest).toBe(digest)
    expect(tests.checked).not.toBe(checked)
    expect(modulesOf(edited(demoSources, AGENT, '500000', '1'))).toEqual({ digest, checked })
  })
})

test('documents from texts are those of the folder', () => {
  expect(documentsFrom(demoSources, demoContext)).toEqual(loadDocuments('demo'))
})
