import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { expect, test } from '@jest/globals'

const SCRIPT = readFileSync(new URL('../../lib/probe/probe.cjs', import.meta.url), 'utf8')

interface Target {
  step: string
  url: string
  method?: string
  body?: string
  expect: number
}
type Request = Record<string, unknown>
type Check = (response: { statusCode: number; resume(): void }) => Promise<void>

/** Runs the script as a canary does, against a Synthetics that answers each step with a status, and goes on after a failed one. */
async function probe(targets: readonly Target[], statusOf: (request: Request) => number | Error) {
  const steps: { name: string; request: Request; ok: boolean; config: Record<string, unknown> }[] = []
  const synthetics = {
    async executeHttpStep(name: string, request: Request, check: Check, config: Record<string, unknown>) {
      const status = statusOf(request)
      const ok =
        status instanceof Error
          ? false
          : await check({ statusCode: status, resume: () => {} }).then(
              () => true,
              () => false,
            )
      steps.push({ name, request, ok, config })
    },
  }
  const module: { handler?: () => Promise<void> } = {}
  const require = (name: string) => (name === 'Synthetics' ? synthetics : { URL })
  runInNewContext(`const TARGETS = ${JSON.stringify(targets)}\n${SCRIPT}`, { require, exports: module })
  await module.handler?.()
  return steps
}

const health = { step: 'region eu-west-1', url: 'https://eu-west-1.aegis.example/health/region', expect: 200 }
const refusal = { step: 'refusal eu-west-1', url: 'https://eu-west-1.aegis.example/v1/decisions', method: 'POST', body: '{}', expect: 401 }

test('a probe asks by HTTPS, sends its body where it has one, and no credentials', async () => {
  const [first, second] = await probe([health, refusal], () => 200)
  expect(first?.request).toMatchObject({
    hostname: 'eu-west-1.aegis.example',
    port: 443,
    protocol: 'https:',
    method: 'GET',
    path: '/health/region',
  })
  expect(second?.request).toMatchObject({
    method: 'POST',
    path: '/v1/decisions',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  })
  expect(JSON.stringify([first, second])).not.toMatch(/authorization/i)
})

test('a step succeeds with the status that is expected and fails with any other, a fail-open 200 above all', async () => {
  expect((await probe([health, refusal], ({ method }) => (method === 'POST' ? 401 : 200))).map(({ ok }) => ok)).toEqual([true, true])
  expect((await probe([health, refusal], () => 200)).map(({ ok }) => ok)).toEqual([true, false])
  expect((await probe([health, refusal], () => 503)).map(({ ok }) => ok)).toEqual([false, false])
})

test('a region that is away hides no other one', async () => {
  const there = { step: 'region us-east-1', url: 'https://us-east-1.aegis.example/health/region', expect: 200 }
  const steps = await probe([health, there], ({ hostname }) => (String(hostname).startsWith('eu') ? new Error('timeout') : 200))
  expect(steps.map(({ name, ok }) => [name, ok])).toEqual([
    ['region eu-west-1', false],
    ['region us-east-1', true],
  ])
  for (const { config } of steps) expect(config).toMatchObject({ continueOnHttpStepFailure: true, includeResponseBody: false })
})
