import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type ForeignServer, startForeignServer } from './support/foreign-server.ts'
import { suiteNeeding } from './support/needs.ts'

// Every promise that rests on conditional writes, once more on AWS's own engine: the same tests, whose tables are in DynamoDB Local.
const jars = process.env.AEGIS_DYNAMODB_LOCAL
const suite = suiteNeeding('dynamodb-local', jars)

const SUITES = [
  'test/state',
  'test/budget/tables',
  'test/gateway/approvals',
  'test/gateway/chains',
  'test/gateway/idempotency',
  'test/gateway/region/kill-switches',
  'test/gateway/enforcement',
]
const MAIN_CLASS = 'software.amazon.dynamodb.services.local.main.ServerRunner'
const TIMEOUT_MS = 5 * 60_000

suite('on DynamoDB Local', () => {
  let engine: ForeignServer
  beforeAll(async () => {
    engine = await startForeignServer((port) => ({
      file: 'java',
      args: ['-Xmx512m', '-cp', `${jars}/*`, MAIN_CLASS, '-inMemory', '-disableTelemetry', '-port', String(port)],
    }))
  }, TIMEOUT_MS)
  afterAll(() => engine?.close())

  test(
    'what is spent, approved, used once and counted is so there too',
    async () => {
      const child = spawn(
        process.execPath,
        ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js', ...SUITES],
        {
          cwd: join(import.meta.dirname, '../..'),
          env: { ...process.env, AEGIS_TEST_TABLE_ENGINE: engine.url },
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      )
      const output: Buffer[] = []
      child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
      const [code] = (await once(child, 'exit')) as [number | null]
      const said = Buffer.concat(output).toString()
      // A run that found no test would pass as well.
      const passed = Number(/Tests:\s+(?:\d+ skipped, )?(\d+) passed/.exec(said)?.[1] ?? 0)
      console.log(`on DynamoDB Local: ${/Tests:.*/.exec(said)?.[0] ?? 'no summary'}`)
      expect({ code, said: code === 0 ? '' : said.slice(-6000) }).toEqual({ code: 0, said: '' })
      expect(passed).toBeGreaterThan(100)
    },
    TIMEOUT_MS,
  )
})
