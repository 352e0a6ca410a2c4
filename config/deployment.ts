import type { DeploymentInput } from './schema.ts'

// THE file to edit. What each key means and which values it takes: schema.ts, environment.ts and options.ts. What is not said here: defaults.ts.
export const deployment: DeploymentInput = {
  name: 'aegis',
  domain: 'aegis.example',
  documentsDir: 'demo',
  zones: {
    eu: { regions: ['eu-west-1', 'eu-central-1'], primary: 'eu-west-1', standby: 'eu-central-1' },
    us: { regions: ['us-east-1'] },
    apac: { regions: ['ap-southeast-1'] },
  },
  homeRegion: 'eu-west-1',
  routingRegion: 'eu-north-1',
  controlPlane: { standbyRegion: 'eu-central-1' },
  environments: {
    // Placeholders, as are domain and documentsDir above: synth and the local fabric take them, a deploy refuses them (docs/deploy.md).
    prod: { accounts: { control: '111111111111', workload: '222222222222' } },
  },
}
