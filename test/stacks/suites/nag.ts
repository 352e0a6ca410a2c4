import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jest } from '@jest/globals'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { Annotations, App, Stack, Validations } from 'aws-cdk-lib/core'
import { AwsSolutionsChecks } from 'cdk-nag'
import { addNagChecks } from '../../../lib/nag/checks.ts'
import { buildApp, cdkContext, type Synthesized } from '../synthesized.ts'

interface Acknowledged {
  readonly path: string
  readonly id: string
  readonly reason: string
}

export function nagSuite({ app }: Synthesized): void {
  const findings = (pack: AwsSolutionsChecks, scope: Parameters<AwsSolutionsChecks['validateScope']>[0]) =>
    pack
      .validateScope(scope)
      .violations.flatMap(({ ruleName, violatingResources }) =>
        violatingResources.map(({ constructPath }) => ({ path: constructPath ?? '', id: ruleName })),
      )

  it('finds nothing that nobody acknowledged', () => {
    expect(findings(new AwsSolutionsChecks(), app)).toEqual([])
  })

  it('refuses to synthesize a planted fault', () => {
    const outdir = mkdtempSync(join(tmpdir(), 'aegis-planted-'))
    const planted = new App({ context: cdkContext(), analyticsReporting: false, outdir })
    addNagChecks(planted)
    new Bucket(new Stack(planted, 'planted'), 'open')
    expect(() => planted.synth()).toThrow('AwsSolutions-S10')
    expect(readFileSync(join(outdir, 'validation-report.json'), 'utf8')).toContain('AwsSolutions-S10')
    rmSync(outdir, { recursive: true, force: true })
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
      const bare = buildApp()
      validations.mockRestore()
      annotations.mockRestore()
      unacknowledged = findings(new AwsSolutionsChecks(), bare.app)
      warnings = bare.app.node
        .findAll()
        .flatMap(({ node }) =>
          node.metadata.filter(({ type }) => type === 'aws:cdk:warning').map(({ data }) => ({ path: node.path, text: String(data) })),
        )
    })

    it('gives every acknowledgement a finding to hide', () => {
      expect(acknowledged.length).toBeGreaterThan(0)
      const under = (path: string, scope: string) => path === scope || path.startsWith(`${scope}/`)
      const stale = acknowledged.filter(({ path, id }) =>
        id.startsWith('@aws-cdk/')
          ? !warnings.some((warning) => warning.text.includes(id) && under(warning.path, path))
          : !unacknowledged.some((finding) => finding.id === id && under(finding.path, path)),
      )
      expect(stale).toEqual([])
    })

    it('gives every acknowledgement a reason', () => {
      expect(acknowledged.filter(({ reason }) => reason.length < 20)).toEqual([])
    })
  })
}
