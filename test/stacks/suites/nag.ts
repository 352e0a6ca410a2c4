import { jest } from '@jest/globals'
import { Annotations, type App, Validations } from 'aws-cdk-lib/core'
import type { NagPack } from 'cdk-nag'
import type { DeploymentInput } from '../../../config/schema.ts'
import { nagPacks } from '../../../lib/nag/checks.ts'
import { buildApp, type Synthesized } from '../synthesized.ts'

interface Acknowledged {
  readonly path: string
  readonly id: string
  readonly reason: string
}

export function nagSuite({ app, deployment }: Synthesized, changed: Partial<DeploymentInput> = {}): void {
  const findings = (scope: App, packs: readonly NagPack[] = nagPacks(deployment)) =>
    packs
      .flatMap((pack) => pack.validateScope(scope).violations)
      .flatMap(({ ruleName, violatingResources }) =>
        violatingResources.map(({ constructPath }) => ({ path: constructPath ?? '', id: ruleName })),
      )

  it('finds nothing that nobody acknowledged', () => {
    expect(findings(app)).toEqual([])
  })

  describe('with no acknowledgement recorded', () => {
    const acknowledged: Acknowledged[] = []
    let unacknowledged: { path: string; id: string }[] = []
    let warnings: { path: string; text: string }[] = []

    beforeAll(() => {
      // The two ways to acknowledge are replaced by a note of who acknowledged what, so that every finding shows.
      type Scoped = { scope: { node: { path: string } } }
      const validations = jest.spyOn(Validations.prototype, 'acknowledge').mockImplementation(function (this: unknown, ...rules) {
        // The library acknowledges findings of its own validation in its own constructs; those are not ours to prove.
        for (const { id, reason } of rules)
          if (!id.startsWith('CloudFormation-Validate::')) acknowledged.push({ path: (this as Scoped).scope.node.path, id, reason })
      })
      const annotations = jest.spyOn(Annotations.prototype, 'acknowledgeWarning').mockImplementation(function (this: unknown, id, reason) {
        acknowledged.push({ path: (this as Scoped).scope.node.path, id, reason: reason ?? '' })
      })
      const bare = buildApp(changed)
      validations.mockRestore()
      annotations.mockRestore()
      unacknowledged = findings(bare.app)
      warnings = bare.app.node
        .findAll()
        .flatMap(({ node }) =>
          node.metadata.filter(({ type }) => type === 'aws:cdk:warning').map(({ data }) => ({ path: node.path, text: String(data) })),
        )
    })

    it('gives every acknowledgement a finding to hide', () => {
      expect(acknowledged.length).toBeGreaterThan(0)
      expect(acknowledged.filter(isStale)).toEqual([])
    })

    const under = (path: string, scope: string) => path === scope || path.startsWith(`${scope}/`)

    function isStale({ path, id }: Acknowledged): boolean {
      return id.startsWith('@aws-cdk/')
        ? !warnings.some((warning) => warning.text.includes(id) && under(warning.path, path))
        : !unacknowledged.some((finding) => finding.id === id && under(finding.path, path))
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
  })
}
