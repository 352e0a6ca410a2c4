import { cellNames, stackNames, zoneNames } from '../../../config/names.ts'
import { primaryOf } from '../../../config/schema.ts'
import { resourcesOf, type Synthesized, type Template, theResource } from '../synthesized.ts'

/** Regions, the stack's own included, that a secret is in. */
function regionsOfSecret(template: Template | undefined, own: string): string[] {
  const { ReplicaRegions = [] } = theResource(template, 'AWS::SecretsManager::Secret').Properties
  return [own, ...ReplicaRegions.map(({ Region }: { Region: string }) => Region)].toSorted()
}

export function zoneSuite({ deployment, templates }: Synthesized): void {
  const zones = Object.entries(deployment.zones).map(([zone, { regions }]) => ({
    zone,
    regions,
    primary: primaryOf(deployment, zone),
    template: templates.get(stackNames(deployment).zone(zone)),
  }))

  it('has the pseudonym key in every region of its zone, and never outside', () => {
    for (const { zone, regions, primary, template } of zones) {
      expect([zone, regionsOfSecret(template, primary)]).toEqual([zone, regions.toSorted()])
      const foreign = zones.filter((other) => other.zone !== zone).flatMap((other) => other.regions)
      expect(foreign.filter((region) => JSON.stringify(template).includes(region))).toEqual([])
    }
  })

  it('would see a copy in another zone', () => {
    const leak = { Type: 'AWS::SecretsManager::Secret', Properties: { ReplicaRegions: [{ Region: 'us-east-1' }] } }
    expect(regionsOfSecret({ Resources: { leak } }, 'eu-west-1')).toEqual(['eu-west-1', 'us-east-1'])
  })

  it('gives each zone a secret of its own name, made by AWS and in no template', () => {
    for (const { zone, template } of zones) {
      const { Properties } = theResource(template, 'AWS::SecretsManager::Secret')
      expect(Properties.Name).toBe(zoneNames(deployment, zone).pseudonymSecret)
      expect(Properties.SecretString).toBeUndefined()
      expect(Properties.GenerateSecretString.PasswordLength).toBeGreaterThanOrEqual(43)
    }
  })

  it("encrypts each copy by its own region's data key", () => {
    for (const { zone, primary, template } of zones) {
      const { Properties } = theResource(template, 'AWS::SecretsManager::Secret')
      expect(Properties.KmsKeyId).toBe(cellNames(deployment, primary, zone).dataKey)
      for (const { Region, KmsKeyId } of Properties.ReplicaRegions ?? []) expect(KmsKeyId).toBe(cellNames(deployment, Region, zone).dataKey)
    }
  })

  it('rotates nothing by itself, as every pseudonym would change', () => {
    for (const { template } of zones) expect(resourcesOf(template, 'AWS::SecretsManager::RotationSchedule')).toEqual([])
  })
}
