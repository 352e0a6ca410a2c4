import { jest } from '@jest/globals'
import { Annotations, type App, Validations } from 'aws-cdk-lib/core'
import { NagPack } from 'cdk-nag'
import type { DeploymentInput } from '../../../config/schema.ts'
import { nagPacks } from '../../../lib/nag/checks.ts'
import { buildApp, type Synthesized } from '../synthesized.ts'

/** Where a rule found something, or somebody acknowledged that it would. */
interface Place {
  readonly path: string
  readonly id: string
}

interface Acknowledged extends Place {
  readonly reason: string
}

/** What all packs find in an app: what of it nobody acknowledged, and everything. */
export function findingsIn({ app, deployment }: Pick<Synthesized, 'app' | 'deployment'>): { open: Place[]; all: Place[] } {
  const all: Place[] = []
  // Each finding is asked about here, and this alone knows those that are acknowledged. One run says both, as a run takes long.
  type Asking = { isAcknowledged(resource: { node: { path: string } }, id: string): boolean }
  const { isAcknowledged } = NagPack.prototype as unknown as Asking
  const asked = jest.spyOn(NagPack.prototype as unknown as Asking, 'isAcknowledged').mockImplementation(function (
    this: Asking,
    resource,
    id,
  ) {
    all.push({ path: resource.node.path, id })
    return isAcknowledged.call(this, resource, id)
  })
  try {
    const violations = nagPacks(deployment).flatMap((pack) => pack.validateScope(app).violations)
    const open = violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => ({ path: constructPath ?? '', id: ruleName })),
    )
    return { open, all }
  } finally {
    asked.mockRestore()
  }
}

/** @param changed what `synthesized` was made with */
export function nagSuite(synthesized: Synthesized, changed: Partial<DeploymentInput> = {}): void {
  let open: Place[] = []
  let all: Place[] = []
  let acknowledged: Acknowledged[] = []
  let warnings: { path: string; text: string }[] = []

  beforeAll(() => {
    ;({ open, all } = findingsIn(synthesized))
    ;({ acknowledged, warnings } = unacknowledged(changed))
  })

  it('finds nothing that nobody acknowledged', () => {
    expect(open).toEqual([])
  })

  it('gives every acknowledgement a finding to hide', () => {
    expect(acknowledged.length).toBeGreaterThan(0)
    expect(acknowledged.filter(isStale)).toEqual([])
  })

  const under = (path: string, scope: string) => path === scope || path.startsWith(`${scope}/`)

  function isStale({ path, id }: Acknowledged): boolean {
    return id.startsWith('@aws-cdk/')
      ? !warnings.some((warning) => warning.text.includes(id) && under(warning.path, path))
      : !all.some((finding) => finding.id === id && under(finding.path, path))
  }

  it('acknowledges no finding for a whole stack', () => {
    const blanket = acknowledged.filter(({ path, id }) => !path.includes('/') && !id.startsWith('@aws-cdk/'))
    expect(blanket).toEqual([])
  })

  it('would see an acknowledgement that hides nothing, and one that hides a finding elsewhere', () => {
    expect(isStale({ path: 'aegis-prod-zone-eu/PseudonymKey', id: 'AwsSolutions-SMG4', reason: '' })).toBe(false)
    expect(isStale({ path: 'aegis-prod-zone-eu/PseudonymKey', id: 'AwsSolutions-S1', reason: '' })).toBe(true)
    expect(isStale({ path: 'aegis-prod-zone-eu/Pseudonym', id: 'AwsSolutions-SMG4', reason: '' })).toBe(true)
  })

  it('gives every acknowledgement a reason', () => {
    expect(acknowledged.filter(({ reason }) => reason.length < 20)).toEqual([])
  })
}

/** The app built once more with the two ways to acknowledge replaced by a note of who acknowledged what, so that every warning shows. */
function unacknowledged(changed: Partial<DeploymentInput>): { acknowledged: Acknowledged[]; warnings: { path: string; text: string }[] } {
  const acknowledged: Acknowledged[] = []
  type Scoped = { scope: { node: { path: string } } }
  const validations = jest.spyOn(Validations.prototype, 'acknowledge').mockImplementation(function (this: unknown, ...rules) {
    // The library acknowledges findings of its own validation in its own constructs; those are not ours to prove.
    for (const { id, reason } of rules)
      if (!id.startsWith('CloudFormation-Validate::')) acknowledged.push({ path: (this as Scoped).scope.node.path, id, reason })
  })
  const annotations = jest.spyOn(Annotations.prototype, 'acknowledgeWarning').mockImplementation(function (this: unknown, id, reason) {
    acknowledged.push({ path: (this as Scoped).scope.node.path, id, reason: reason ?? '' })
  })
  try {
    return { acknowledged, warnings: warningsIn(buildApp(changed).app) }
  } finally {
    validations.mockRestore()
    annotations.mockRestore()
  }
}

function warningsIn(app: App): { path: string; text: string }[] {
  return app.node
    .findAll()
    .flatMap(({ node }) =>
      node.metadata.filter(({ type }) => type === 'aws:cdk:warning').map(({ data }) => ({ path: node.path, text: String(data) })),
    )
}
