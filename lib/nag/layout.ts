import { publicNames, sharedNames, stackNames } from '../../config/names.ts'
import { accountOf, type Deployment, regionsOf } from '../../config/schema.ts'
import type { Place, Resource } from './resource.ts'

/** What the rules must know of a deployment. */
export interface Layout {
  /** Ends in no dot. */
  readonly domain: string
  readonly globalName: string
  /** Zone -> its regions. */
  readonly zones: ReadonlyMap<string, readonly string[]>
  /** Every serving region. */
  readonly regions: readonly string[]
  /**
   * Whether residency data may be where this is: everywhere but in the control plane, which writes to every region by its office. Told by
   * the account, so that no stack of a workload account gets out of a rule by its name; by the name too where both share one account.
   */
  holdsResidencyData(place: Place): boolean
  /** The one table that may have replicas: in the one stack that is for it, by its one name. Every other table is residency data. */
  isGlobalTable(resource: Resource): boolean
}

export function layoutOf(deployment: Deployment): Layout {
  const { control } = deployment.accounts
  const names = stackNames(deployment)
  const { globalTable } = sharedNames(deployment)
  const shared = Object.keys(deployment.zones).some((zone) => accountOf(deployment, zone) === control)
  return {
    domain: deployment.domain,
    globalName: publicNames(deployment).global,
    zones: new Map(Object.entries(deployment.zones).map(([zone, { regions }]) => [zone, regions])),
    regions: regionsOf(deployment).map(({ region }) => region),
    holdsResidencyData: ({ account, stackName }) => account !== control || (shared && !stackName.startsWith(names.controlPlane)),
    isGlobalTable: ({ type, properties, place }) =>
      type === 'AWS::DynamoDB::GlobalTable' && properties.TableName === globalTable && place.stackName === names.globalState,
  }
}
