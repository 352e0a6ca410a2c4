import type { App } from 'aws-cdk-lib/core'
import { loadPrices } from '../config/prices.ts'
import { ConfigError } from '../config/resolve.ts'
import { type Deployment, regionsOf, watchingRegions } from '../config/schema.ts'
import type { TrustRoot } from '../config/trust.ts'
import { addDeployRules } from './deploy-rules.ts'
import { BundleStoreStack } from './stacks/bundle-store.ts'
import { ControlDnsStack } from './stacks/control-dns.ts'
import { ControlPlaneStack } from './stacks/control-plane.ts'
import { ControlPlaneStandbyStack } from './stacks/control-plane-standby.ts'
import { DnsStack } from './stacks/dns.ts'
import { DrillDirectorStack } from './stacks/drill-director.ts'
import { DrillsStack } from './stacks/drills.ts'
import { EdgeStack } from './stacks/edge.ts'
import { GatewayStack } from './stacks/gateway.ts'
import { GlobalStateStack } from './stacks/global-state.ts'
import { KeysStack } from './stacks/keys.ts'
import { NetworkStack } from './stacks/network.ts'
import { ObservabilityStack } from './stacks/observability.ts'
import { OrgGuardrailsStack } from './stacks/org-guardrails.ts'
import { ResidencyStoreStack } from './stacks/residency-store.ts'
import { RoutingStack } from './stacks/routing.ts'
import { ZoneStack } from './stacks/zone.ts'

const PRICES_FOLDER = new URL('../config/prices/', import.meta.url)

export interface AegisAppOptions {
  readonly deployment: Deployment
  readonly trustRoot: TrustRoot
}

/**
 * Every stack of a deployment. No stack references another: what they share is names from config. The dependencies only give the order
 * inside one region, so that `cdk deploy '<name>-<environment>-*-eu-west-1'` deploys that region and nothing else; a zone's secrets need
 * the keys of all its regions, and no region waits for them after the first deploy.
 */
export function addStacks(app: App, { deployment, trustRoot }: AegisAppOptions): void {
  refuseZoneAccounts(deployment)
  const dns = deployment.hostedZone === 'created' ? new DnsStack(app, deployment) : undefined
  new GlobalStateStack(app, deployment)
  addControlPlane(app, deployment)
  const zones = new Map(Object.keys(deployment.zones).map((zone) => [zone, new ZoneStack(app, deployment, zone)]))
  for (const { region, zone } of regionsOf(deployment)) {
    const cell = { deployment, region, zone }
    const keys = new KeysStack(app, cell)
    zones.get(zone)?.addStackDependency(keys)
    const bundleStore = new BundleStoreStack(app, cell)
    const network = new NetworkStack(app, cell)
    const residencyStore = new ResidencyStoreStack(app, cell)
    residencyStore.addStackDependency(keys)
    residencyStore.addStackDependency(network)
    const gateway = new GatewayStack(app, { ...cell, trustRoot })
    gateway.addStackDependency(bundleStore)
    gateway.addStackDependency(residencyStore)
    new DrillsStack(app, cell).addStackDependency(gateway)
  }
  const prices = loadPrices(PRICES_FOLDER)
  for (const region of watchingRegions(deployment)) new ObservabilityStack(app, { deployment, region, prices })
  new DrillDirectorStack(app, deployment)
  if (deployment.organization !== undefined) new OrgGuardrailsStack(app, deployment)
  const routing = new RoutingStack(app, deployment)
  if (dns !== undefined) routing.addStackDependency(dns)
  if (deployment.edge !== undefined) addEdge(app, deployment, dns)
  addDeployRules(app, deployment)
}

function addEdge(app: App, deployment: Deployment, dns: DnsStack | undefined): void {
  const edge = new EdgeStack(app, deployment)
  if (dns !== undefined) edge.addStackDependency(dns)
}

function addControlPlane(app: App, deployment: Deployment): void {
  const controlPlane = new ControlPlaneStack(app, deployment)
  controlPlane.addStackDependency(new ControlDnsStack(app, deployment))
  const region = deployment.controlPlane.standbyRegion
  if (region === undefined) return
  const standby = new ControlPlaneStandbyStack(app, deployment, region)
  // S3 copies only into a bucket that is there. A rebuild deploys the standby without the region that is lost.
  controlPlane.addStackDependency(standby)
}

/** The regional record and the certificate are written by the gateway stack, which must be in the account of the hosted zone. */
function refuseZoneAccounts({ accounts, environment }: Deployment): void {
  const faults = Object.entries(accounts.zones)
    .filter(([, account]) => account !== accounts.workload)
    .map(([zone, account]) => {
      const path = `environments.${environment}.accounts.zones.${zone}`
      return `${path}: ${account} is not the workload account ${accounts.workload}; the stacks do not span workload accounts yet`
    })
  if (faults.length > 0) throw new ConfigError(faults)
}
