import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { deployment as input } from '../../config/deployment.ts'
import { cellNames, publicNames, sharedNames, stackNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { regionsOf } from '../../config/schema.ts'
import { parseRunbook } from '../../runtime/failover/runbook.ts'
import { ERRORS } from '../../runtime/model/codes.ts'

const folder = new URL('../../runbooks/', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, folder), 'utf8')
const files = readdirSync(folder).filter((file) => file.endsWith('.md') && file !== 'README.md')
const deployment = resolveDeployment(input)

test('the index links every runbook, and nothing that is not there', () => {
  const linked = [...read('README.md').matchAll(/\]\(([^)]+\.md)\)/g)].map(([, file]) => file)
  // The articles about alarms have a test of their own.
  expect(linked.filter((file) => !file?.startsWith('alarms/')).toSorted()).toEqual(files.toSorted())
})

describe.each(files)('%s', (file) => {
  const text = read(file)
  const runbook = parseRunbook(text, file)
  const commands = runbook.steps.flatMap((step) => ('cloud' in step ? step.cloud : []))

  test('is named after its id', () => {
    expect(`${runbook.id}.md`).toBe(file)
  })

  test('tells when to use it, when not, how to roll back and what it proves', () => {
    for (const heading of ['When to use this', 'When NOT to use this', 'Rollback', 'What a passed drill proves, and what not']) {
      expect(text).toContain(`\n## ${heading}\n`)
    }
  })

  test('promises no wrong verdict and no residency violation, ever', () => {
    expect(runbook.objectives).toMatchObject({ wrong_verdicts: 0, residency_violations: 0 })
  })

  test('has a call that must be denied in every zone, so that a gateway that allows everything is noticed', () => {
    const clients = runbook.steps.flatMap((step) => (step.type === 'steady' ? step.clients : []))
    for (const zone of Object.keys(deployment.zones)) {
      expect(clients.some(({ name, calls }) => name === zone && calls.some(({ expect }) => expect === 'deny'))).toBe(true)
    }
  })

  test('names only resources that the deployment has', () => {
    const shared = sharedNames(deployment)
    const cells = regionsOf(deployment).map(({ region, zone }) => cellNames(deployment, region, zone))
    const known = new Set<string>([
      shared.globalTable,
      ...cells.flatMap((cell) => [cell.table('region-state'), cell.cluster, cell.service]),
      ...Object.values(stackNames(deployment)).filter((name): name is string => typeof name === 'string'),
    ])
    const prefix = `${deployment.name}-${deployment.environment}-`
    const named = commands.flatMap((command) => command.match(new RegExp(`${prefix}[a-z0-9-]+`, 'g')) ?? [])
    expect(named.filter((name) => !known.has(name))).toEqual([])
    const names = publicNames(deployment)
    const hosts = new Set([
      names.global,
      names.controlZone,
      ...Object.keys(deployment.zones).map(names.zone),
      ...regionsOf(deployment).map(({ region }) => names.regional(region)),
    ])
    const asked = text.match(new RegExp(`[a-z0-9-]+\\.${deployment.domain.replace('.', '\\.')}`, 'g')) ?? []
    expect(asked.filter((host) => !hosts.has(host))).toEqual([])
  })

  test('names only error codes that exist, but for those that are announced', () => {
    const codes = [...text.matchAll(/503 `([a-z_]+)`|`([a-z_]+)` (?:and|means)/g)].map(([, one, other]) => one ?? other)
    expect(codes.filter((code) => code !== undefined && !(code in ERRORS))).toEqual([])
  })

  test('states the bound of the deployed timings as it is computed', () => {
    const { healthCheckIntervalS, healthCheckFailureThreshold, recordTtlS, clientTimeoutMs } = deployment
    const boundS = (healthCheckIntervalS * healthCheckFailureThreshold + recordTtlS + clientTimeoutMs / 1000) * 1.2
    if (/at most \d+ s/.test(text)) expect(text).toContain(`at most ${Math.floor(boundS)} s`)
    expect(text).not.toMatch(/\/(work|home|root)\//)
  })

  test('links only to headings of its own', () => {
    const anchors = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor)
    const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    )
    for (const anchor of anchors) expect(headings).toContain(anchor)
  })
})
