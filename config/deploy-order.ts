import { stackNames } from './names.ts'
import { accountOf, type Deployment, primaryOf, regionsOf, watchingRegions } from './schema.ts'

/** One stack on its way to AWS. */
export interface PlannedStack {
  name: string
  kind: StackKind
  account: string
  region: string
  /** Names of the stacks that must be there before. */
  needs: readonly string[]
  /** Names of stacks that must all be there once one of them is. */
  joins: readonly string[]
}

/** The order of a first deploy. `aegis pin` comes after `control-dns`, `global-state` and `control-plane`, the first publish before `gateway`: docs/deploy.md. */
export const STACK_KINDS = [
  'org-guardrails',
  'dns',
  'control-dns',
  'routing',
  'keys',
  'zone',
  'global-state',
  'bundle-store',
  'control-plane-standby',
  'control-plane',
  'network',
  'residency-store',
  'gateway',
  'observability',
  'drill-director',
  'drills',
  'edge',
] as const
export type StackKind = (typeof STACK_KINDS)[number]

/**
 * Every stack in the order in which they are deployed, with what each needs. It needs what would make it fail half way, or run and be of no use; nothing of
 * another region but where it is about that region, so that one region can be deployed while another is lost.
 */
export function deployOrder(deployment: Deployment): PlannedStack[] {
  const { accounts, homeRegion, routingRegion, hostedZone, controlPlane } = deployment
  const names = stackNames(deployment)
  const standbyRegion = controlPlane.standbyRegion
  const standby = standbyRegion === undefined ? [] : [names.controlPlaneStandby]
  // The routing stack delegates to the control plane's zone, without which no certificate is given there.
  const delegated = [names.controlDns, names.routing]
  const dns = hostedZone === 'created' ? [names.dns] : []
  const regions = regionsOf(deployment)
  const once = (kind: StackKind, name: string, region: string, needs: string[] = [], account = accounts.workload): PlannedStack => ({
    ...{ name, kind, account, region, needs, joins: [] },
  })
  const perRegion = (kind: StackKind, name: (region: string) => string, needs: (region: string, zone: string) => string[] = () => []) =>
    regions.map(({ region, zone }) => once(kind, name(region), region, needs(region, zone), accountOf(deployment, zone)))
  const watching = [...new Set(watchingRegions(deployment))]
  return [
    // Organizations has its one endpoint there.
    ...(accounts.management === undefined ? [] : [once('org-guardrails', names.orgGuardrails, 'us-east-1', [], accounts.management)]),
    ...dns.map((name) => once('dns', name, routingRegion)),
    once('control-dns', names.controlDns, routingRegion, [], accounts.control),
    // Its health checks are red until the regions are there, and nobody asks for its names yet. Later its records must name no region that is not
    // there: a new health check counts as healthy until it has looked.
    { ...once('routing', names.routing, routingRegion, dns), joins: regions.map(({ region }) => names.gateway(region)) },
    ...perRegion('keys', names.keys),
    ...Object.entries(deployment.zones).map(([zone, { regions: own }]) =>
      once('zone', names.zone(zone), primaryOf(deployment, zone), own.map(names.keys), accountOf(deployment, zone)),
    ),
    once('global-state', names.globalState, homeRegion),
    ...perRegion('bundle-store', names.bundleStore),
    // Beside the home region's: S3 copies only into a bucket that is there. A rebuild needs nothing of the home region.
    ...(standbyRegion === undefined
      ? []
      : [
          once(
            'control-plane-standby',
            names.controlPlaneStandby,
            standbyRegion,
            controlPlane.runsIn === 'standby' ? delegated : [],
            accounts.control,
          ),
        ]),
    once('control-plane', names.controlPlane, homeRegion, [...delegated, ...standby], accounts.control),
    ...perRegion('network', names.network),
    ...perRegion('residency-store', names.residencyStore, (region) => [names.keys(region), names.network(region)]),
    ...perRegion('gateway', names.gateway, (region, zone) => [
      ...dns,
      names.keys(region),
      names.zone(zone),
      names.globalState,
      names.controlPlane,
      names.bundleStore(region),
      names.network(region),
      names.residencyStore(region),
    ]),
    ...watching.map((region) => once('observability', names.observability(region), region)),
    // It starts no drill while it cannot see how the other regions are.
    once('drill-director', names.drillDirector, routingRegion, watching.map(names.observability)),
    ...perRegion('drills', names.drills, (region) => [names.gateway(region)]),
    // CloudFront takes certificates of that region alone.
    ...(deployment.edge === undefined ? [] : [once('edge', names.edge, 'us-east-1', dns)]),
  ]
}

/**
 * The stacks that patterns name, in the order of the plan. `*` is any text and `?` one character, as for `cdk deploy`.
 * @returns also the patterns that name nothing
 */
export function selectStacks(
  plan: readonly PlannedStack[],
  patterns: readonly string[],
): { selected: PlannedStack[]; unmatched: string[] } {
  const matchers = patterns.map((pattern) => ({ pattern, matches: matcherOf(pattern) }))
  return {
    selected: plan.filter(({ name }) => matchers.some(({ matches }) => matches.test(name))),
    unmatched: matchers.filter(({ matches }) => !plan.some(({ name }) => matches.test(name))).map(({ pattern }) => pattern),
  }
}

function matcherOf(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`)
}
