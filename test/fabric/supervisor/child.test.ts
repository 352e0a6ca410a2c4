import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type Child, type ChildSpec, restartDelayMs, supervisedChild } from '../../../runtime/fabric/supervisor/child.ts'
import type { FabricEvent } from '../../../runtime/fabric/supervisor/events.ts'

let dir: string
let events: FabricEvent[]
let reports: string[]
let children: Child[]

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-child-'))
  events = []
  reports = []
  children = []
})
afterEach(async () => {
  await Promise.all(children.map((child) => child.kill()))
  rmSync(dir, { recursive: true })
})

function child(source: string, more: Partial<ChildSpec> = {}) {
  const script = join(dir, 'child.mjs')
  writeFileSync(script, source)
  const made = supervisedChild(
    {
      name: 'part',
      region: 'eu-west-1',
      script,
      env: { PATH: process.env.PATH ?? '' },
      logFile: join(dir, 'part.log'),
      ready: (life) => new Promise((resolve) => life.onMessage(() => resolve())),
      readyTimeoutMs: 10_000,
      ...more,
    },
    { emit: (event) => events.push(event), report: (line) => reports.push(line) },
  )
  children.push(made)
  return made
}

const LIVES = "process.send({type:'ready'}); setInterval(() => {}, 1000);"
const story = () => events.map((event) => (event.type === 'process' ? event.event : event.type))
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

test('a child is up when it says so, and a stop ends it for good', async () => {
  const part = child(LIVES)
  await part.start()
  expect(part.state()).toBe('up')
  await part.stop(1000)
  expect(part.state()).toBe('down')
  expect(story()).toEqual(['started', 'ready', 'exited'])
})

test('a child that yields lets those go first that do not', async () => {
  const [yielding, other] = [child(LIVES, { yields: true }), child(LIVES)]
  await Promise.all([yielding.start(), other.start()])
  expect(getPriority(yielding.pid())).toBeGreaterThan(getPriority(other.pid()))
  // Where Linux weighs sessions, and both lead one, the priority of a process alone would mean nothing.
  const weighsSessions = '/proc/sys/kernel/sched_autogroup_enabled'
  if (!existsSync(weighsSessions) || readFileSync(weighsSessions, 'utf8').trim() !== '1') return
  const niceOf = (part: Child) => Number(/nice (-?\d+)/.exec(readFileSync(`/proc/${part.pid()}/autogroup`, 'utf8'))?.[1])
  expect(niceOf(yielding)).toBeGreaterThan(niceOf(other))
})

test('a child that ignores SIGTERM is ended by SIGKILL after the grace', async () => {
  const part = child(`process.on('SIGTERM', () => {}); ${LIVES}`)
  await part.start()
  await part.stop(100)
  expect(events.at(-1)).toMatchObject({ event: 'exited', signal: 'SIGKILL' })
})

test('a child that dies unasked is reported and comes back', async () => {
  const part = child(LIVES)
  await part.start()
  const first = part.pid() ?? 0
  process.kill(first, 'SIGKILL')
  await until(() => story().filter((event) => event === 'ready').length === 2)
  expect(part.pid()).not.toBe(first)
  expect(reports[0]).toMatch(/^part eu-west-1 was ended by SIGKILL; starting it again in 0.5 s/)
})

test('a child that was killed on purpose stays down until it is started', async () => {
  const part = child(LIVES)
  await part.start()
  await expect(part.kill()).resolves.toMatchObject({ signal: 'SIGKILL' })
  await new Promise((resolve) => setTimeout(resolve, 700))
  expect(part.state()).toBe('down')
  await part.start()
  expect(part.state()).toBe('up')
})

test('a child that is started again is told so by its environment', async () => {
  const part = child(`process.send({type:'says', what: process.env.WHEN}); ${LIVES}`, {
    env: { WHEN: 'first' },
    laterEnv: { WHEN: 'later' },
  })
  const said: unknown[] = []
  part.onMessage((message) => said.push((message as { what?: string }).what))
  await part.start()
  await part.kill()
  await part.start()
  expect(said.filter((what) => what !== undefined)).toEqual(['first', 'later'])
})

test('refuses a child that ends before it is ready, with what it said', async () => {
  const part = child("console.error('error: table is missing'); process.exit(2)")
  await expect(part.start()).rejects.toThrow('part eu-west-1 ended with code 2 before it was ready: error: table is missing')
})

test('refuses a child that is never ready, and leaves no process', async () => {
  const part = child('setInterval(() => {}, 1000)', { readyTimeoutMs: 300 })
  await expect(part.start()).rejects.toThrow('part eu-west-1 is not ready after 0.3 s')
  expect(part.pid()).toBeUndefined()
})

test('requests get their own replies, and fail when the process ends', async () => {
  const part = child(`
    process.on('message', ({id, command, n}) => {
      if (command === 'double') setTimeout(() => process.send({type:'reply', id, ok:true, result: 2 * n}), 20 - n)
      else process.exit(0)
    }); ${LIVES}`)
  await part.start()
  await expect(Promise.all([1, 2, 3].map((n) => part.request('double', { n })))).resolves.toEqual([2, 4, 6])
  await expect(part.request('die')).rejects.toThrow('the process ended')
})

test('restarts wait longer with every crash, up to a limit', () => {
  expect([1, 2, 3, 4, 20].map(restartDelayMs)).toEqual([500, 1000, 2000, 4000, 15_000])
})
