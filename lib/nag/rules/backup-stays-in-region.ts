import { regionsIn } from '../regions.ts'
import { at, objects, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'

export const backupStaysInRegion: Rule = {
  id: 'BackupStaysInRegion',
  info: 'A backup is copied out of its region.',
  explanation:
    "A backup is the data. A copy goes into a vault of the same region, named so that one can see it. A copy into another region of the same zone is the adopter's choice: acknowledge it where it is made, with the region in the id.",
  check(resource, layout) {
    const { type, properties, place } = resource
    if (type !== 'AWS::Backup::BackupPlan' || !layout.holdsResidencyData(place)) return []
    return objects(at(properties, 'BackupPlan', 'BackupPlanRule'))
      .flatMap((rule) => objects(rule.CopyActions))
      .map((copy) => textOf(copy.DestinationBackupVaultArn, resource))
      .filter((vault) => vault !== '<AWS::Backup::BackupVault>' && regionOf(vault) !== place.region)
      .map((vault) => `CopyTo::${regionOf(vault) ?? vault}`)
  },
}

/** The region of a vault by its ARN. */
const regionOf = (vault: string) => (vault.startsWith('arn:') ? vault.split(':')[3] : regionsIn(vault)[0])
