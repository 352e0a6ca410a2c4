import { type App, Validations } from 'aws-cdk-lib/core'
import { AwsSolutionsChecks, HIPAASecurityChecks, type NagPack, NIST80053R5Checks, PCIDSS321Checks } from 'cdk-nag'
import type { Deployment } from '../../config/schema.ts'
import { AegisPack } from './aegis-pack.ts'

/** Every synth runs these; a finding that nobody acknowledged fails it. */
export function addNagChecks(app: App, deployment: Deployment): void {
  Validations.of(app).addPlugins(...nagPacks(deployment))
}

/** Four packs of cdk-nag, whose rules look at one resource and know no jurisdiction, and our own, which does. */
export function nagPacks(deployment: Deployment): NagPack[] {
  return [new AwsSolutionsChecks(), new NIST80053R5Checks(), new HIPAASecurityChecks(), new PCIDSS321Checks(), new AegisPack(deployment)]
}
