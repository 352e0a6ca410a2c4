import type { DeploymentInput } from '../../config/schema.ts'
import { CONTROL_ZONE } from './synthesized.ts'

/** Every option of docs/options.md switched on. A test compares the keys with the page. */
export const EVERYTHING_ON: Partial<DeploymentInput> = {
  network: { firewall: true },
  backup: { copyInZone: true },
  breakGlass: { principals: ['arn:aws:iam::222222222222:role/data-protection-officers'] },
  regionSwitch: { primaryHealthChecks: { eu: '11111111-2222-4333-8444-555555555555' } },
  edge: { webAclArn: 'arn:aws:wafv2:us-east-1:222222222222:global/webacl/edge/11111111-2222-4333-8444-555555555555' },
}

/** The same with what else config can say that makes other templates, in the one zone that it takes. */
export const EVERYTHING_SAID: Partial<DeploymentInput> = {
  ...EVERYTHING_ON,
  zones: { eu: { regions: ['eu-west-1', 'eu-central-1'], standby: 'eu-central-1' } },
  azCount: 3,
  controlPlane: { standbyRegion: 'eu-central-1', runsIn: 'standby', term: 2, egressHosts: ['keys.example.net'] },
  egressHosts: ['hooks.example.net'],
  notify: { secretName: 'company/aegis-notify', topics: ['approvals'] },
  gateway: { peakCallsPerSecond: { global: 1000 } },
  alarms: { emails: ['on-call@example.net'], runbooksUrl: 'https://runbooks.example.net' },
  environments: {
    prod: {
      accounts: { control: '111111111111', workload: '222222222222', management: '333333333333' },
      organization: { id: 'o-a1b2c3d4e5', targets: ['ou-ab12-cdefghij'] },
      hostedZone: 'imported',
      hostedZoneId: 'Z0123456789ABC',
      controlZone: CONTROL_ZONE,
    },
  },
}
