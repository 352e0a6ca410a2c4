import { stackNames } from '../../../config/names.ts'
import { buildApp, ONE_REGION, type Synthesized, theResource } from '../synthesized.ts'

export function dnsSuite({ deployment, templates }: Synthesized): void {
  it('holds the hosted zone of the domain', () => {
    const { Properties } = theResource(templates.get(stackNames(deployment).dns), 'AWS::Route53::HostedZone')
    expect(Properties.Name).toBe(`${deployment.domain}.`)
  })

  it('keeps a hosted zone whose id was pinned', () => {
    const pinned = buildApp({ ...ONE_REGION, environments: { prod: { accounts: deployment.accounts, hostedZoneId: 'Z0123456789ABC' } } })
    expect(pinned.app.node.tryFindChild(stackNames(deployment).dns)).toBeDefined()
  })

  it('is absent when the hosted zone is somebody else’s', () => {
    const imported = buildApp({
      ...ONE_REGION,
      environments: { prod: { accounts: deployment.accounts, hostedZone: 'imported', hostedZoneId: 'Z0123456789ABC' } },
    })
    expect(imported.app.node.tryFindChild(stackNames(deployment).dns)).toBeUndefined()
  })
}
