import { expect, test } from '@jest/globals'
import { DEFINITION_PATH, definitionOf } from '../../../runtime/fabric/demo/definitions.ts'
import { definitionDigest } from '../../../runtime/policy/definition.ts'
import { loadDocuments } from '../../../runtime/policy/documents.ts'

const { tools } = loadDocuments('demo')
const pinned = Object.entries(tools).flatMap(([name, { definition }]) => (definition === undefined ? [] : [[name, definition] as const]))

test('the demo pins a tool', () => {
  expect(pinned.map(([name]) => name)).toContain('crm')
})

test.each(pinned)('demo/tools.yaml pins what the site of %s serves, and nothing that drifted', (name, { path, sha256 }) => {
  const served = definitionOf(name, false)
  const drifted = definitionOf(name, true)
  if (served === undefined || drifted === undefined) throw new Error(`there is no definition of ${name}`)
  expect([path, sha256]).toEqual([DEFINITION_PATH, definitionDigest(served)])
  expect(definitionDigest(drifted)).not.toBe(sha256)
})

test.each(pinned)('the definition of %s names the actions of the registry', (name) => {
  const { actions } = definitionOf(name, false) as { actions: { name: string }[] }
  expect(actions.map((action) => action.name).sort()).toEqual(Object.keys(tools[name]?.actions ?? {}).sort())
})

test('a site that is no tool of the demo has none', () => {
  for (const tool of [undefined, 'nobody', 'constructor', '__proto__']) expect(definitionOf(tool, false)).toBeUndefined()
})
