import type { DeploymentInput } from '../../config/schema.ts'

/** Every option of docs/options.md switched on. A test compares the keys with the page. */
export const EVERYTHING_ON: Partial<DeploymentInput> = {
  network: { firewall: true },
  backup: { copyInZone: true },
  breakGlass: { principals: ['arn:aws:iam::222222222222:role/data-protection-officers'] },
  regionSwitch: { primaryHealthChecks: { eu: '11111111-2222-4333-8444-555555555555' } },
  edge: { webAclArn: 'arn:aws:wafv2:us-east-1:222222222222:global/webacl/edge/11111111-2222-4333-8444-555555555555' },
}
