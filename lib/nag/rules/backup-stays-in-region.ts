import { regionsIn } from '../regions.ts'
import { at, isList, type Json, objects, type Resource, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'

export const backupStaysInRegion: Rule = {
  id: 'BackupStaysInRegion',
  info: 'A backup is copied out of its region, or takes along what nobody named.',
  explanation:
    "A backup is the data. A copy goes into a vault of the same region, named so that one can see it. A copy into another region of the same zone is the adopter's choice: acknowledge it where it is made, with the region in the id. What is backed up is named by its ARN, as a tag or pattern takes along whatever fits it.",
  check(resource, layout) {
    const { type, place } = resource
    if (!layout.holdsResidencyData(place)) return []
    if (type === 'AWS::Backup::BackupPlan') return copies(resource)
    if (type === 'AWS::Backup::BackupSelection') return unnamed(resource)
    // Its backups can be shared with other accounts and restored there, whatever the vault's policy says.
    return type === 'AWS::Backup::LogicallyAirGappedBackupVault' ? ['AirGappedVault'] : []
  },
}

function copies(resource: Resource): string[] {
  const rules = objects(at(resource.properties, 'BackupPlan', 'BackupPlanRule'))
  return rules
    .flatMap((rule) => [...objects(rule.CopyActions).map((copy) => copy.DestinationBackupVaultArn), ...airGapped(rule)])
    .map((vault) => textOf(vault, resource))
    .filter((vault) => vault !== '<AWS::Backup::BackupVault>' && regionOf(vault) !== resource.place.region)
    .map((vault) => `CopyTo::${regionOf(vault) ?? vault}`)
}

const airGapped = (rule: Readonly<Record<string, Json>>) =>
  rule.TargetLogicallyAirGappedBackupVaultArn === undefined ? [] : [rule.TargetLogicallyAirGappedBackupVaultArn]

function unnamed(resource: Resource): string[] {
  const selection = at(resource.properties, 'BackupSelection')
  const resources = at(selection, 'Resources')
  const named = (isList(resources) ? resources : []).map((one) => textOf(one, resource))
  const tagged = ['ListOfTags', 'Conditions'].filter((key) => at(selection, key) !== undefined)
  return [
    ...tagged.map((key) => `Selection::${key}`),
    ...named.filter((arn) => /[*?]/.test(arn)).map((arn) => `Selection::${arn}`),
    ...(named.length === 0 && tagged.length === 0 ? ['Selection::everything'] : []),
  ]
}

/** The region of a vault by its ARN. */
const regionOf = (vault: string) => (vault.startsWith('arn:') ? vault.split(':')[3] : regionsIn(vault)[0])
