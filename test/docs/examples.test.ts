import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Actions, buildProgram } from '../../runtime/cli/program.ts'
import { agentIds } from '../../runtime/policy/agent-document.ts'
import { bundleData, type Documents, loadDocuments } from '../../runtime/policy/documents.ts'

const ROOT = join(import.meta.dirname, '../..')
const EXAMPLES = join(ROOT, 'docs/examples')
const FILES = readdirSync(join(EXAMPLES, 'agents'))

let dir: string
let documents: Documents

// The examples say what they need beside the demo's tenants and tools: a reader copies them into that folder.
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-examples-'))
  cpSync(join(ROOT, 'demo'), dir, { recursive: true })
  cpSync(EXAMPLES, dir, { recursive: true })
  documents = loadDocuments(dir)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('every example is a document without faults, beside those of the demo', () => {
  expect(FILES.length).toBeGreaterThan(5)
  const loaded = documents.agents.flatMap(agentIds)
  const bundled = new Set(['eu', 'us', 'apac'].flatMap((zone) => Object.keys(bundleData(documents, zone).aegis.agents)))
  for (const id of loaded) expect([id, bundled.has(id)]).toEqual([id, true])
})

describe.each(['policy-guide.md', 'operators.md'])('%s', (name) => {
  const page = readFileSync(join(ROOT, 'docs', name), 'utf8')

  test('shows commands that exist, about agents, tools and actions that exist', async () => {
    const known = new Set(documents.agents.flatMap(agentIds))
    const commands = commandsOf(page)
    expect(commands.length).toBeGreaterThan(3)
    for (const command of commands) {
      const { name: ran, options } = await understood(command)
      if (ran !== 'call') continue
      const { agent, action, json } = options as { agent: string; action: string; json: string }
      const [tool = '', verb = ''] = action.split('.')
      expect([command, known.has(agent), Object.keys(documents.tools[tool]?.actions ?? {})]).toEqual([
        command,
        true,
        expect.arrayContaining([verb]),
      ])
      expect(() => JSON.parse(json)).not.toThrow()
    }
  })
})

test('the guide names every example, and shows excerpts as they stand in the files', () => {
  const page = readFileSync(join(ROOT, 'docs/policy-guide.md'), 'utf8')
  for (const file of FILES) expect(page).toContain(`examples/agents/${file}`)
  const all = [...FILES.map((file) => `agents/${file}`), 'classes.yaml'].filter((file) => existsSync(join(EXAMPLES, file)))
  const texts = all.map((file) => readFileSync(join(EXAMPLES, file), 'utf8'))
  const excerpts = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text)
  expect(excerpts.length).toBeGreaterThan(5)
  for (const excerpt of excerpts) expect([excerpt, texts.some((text) => text.includes(excerpt))]).toEqual([excerpt, true])
})

/** Lines that begin with a command of the project, with those that a backslash continues. */
function commandsOf(page: string): string[] {
  const text = page.replaceAll(/\\\n\s*/g, '')
  return [...text.matchAll(/^ {4,}(?:.*\| )?npm run (?:-s )?(?:aegis|policy) -- (.+)$/gm)].map(([line = '', words = '']) =>
    line.includes('run policy') ? `policy ${words}` : words,
  )
}

/** What a line comes down to. @throws when it is none that the command line takes */
async function understood(line: string): Promise<{ name: string; options: object }> {
  const ran: { name: string; options: object }[] = []
  const actions = new Proxy({} as Actions, {
    get: (_, name) => async (options: object) => {
      ran.push({ name: String(name), options })
      return 0
    },
  })
  await buildProgram(actions, () => {}).parseAsync(wordsOf(line), { from: 'user' })
  const [first] = ran
  if (first === undefined) throw new Error(`${line} runs nothing`)
  return first
}

/** As a shell splits them: single quotes, and a comment at the end. */
function wordsOf(line: string): string[] {
  return [...line.replace(/\s+# .*$/, '').matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}
