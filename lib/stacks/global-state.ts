import { PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { sharedNames, stackNames } from '../../config/names.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { roleArn, tableArn } from '../constructs/arns.ts'
import { GlobalTable } from '../constructs/global-table.ts'
import { namedRole } from '../constructs/named-principal.ts'
import { onlyPartitions } from '../constructs/partitions.ts'
import { PUBLISHER_ACTIONS } from '../constructs/publisher-rights.ts'

/** Its partitions: where regions are told what to serve, where they say what they run, and where they are asked to judge anew. */
const PUBLISHER_PARTITIONS = ['pointer#*', 'fleet#*', 'replays#*']

/** The one table that is in every region: pointers, kill switches, vouchers, heartbeat. No personal data, ever. */
export class GlobalStateStack extends Stack {
  constructor(scope: Construct, deployment: Deployment) {
    const env = { account: deployment.accounts.workload, region: deployment.homeRegion }
    super(scope, stackNames(deployment).globalState, stackProps({ deployment }, env, 'global state', { protect: true }))
    const names = sharedNames(deployment)
    const { control } = deployment.accounts
    new GlobalTable(this, 'Global', {
      tableName: names.globalTable,
      replicaRegions: regionsOf(deployment)
        .map(({ region }) => region)
        .filter((region) => region !== deployment.homeRegion),
      resourcePolicyOf: (region) => (takesPolicy(deployment, region) ? publisherPolicy(region) : undefined),
    })

    function publisherPolicy(region: string): PolicyDocument {
      const movesPointers = new PolicyStatement({
        sid: 'PublisherKeepsItsPartitions',
        principals: [namedRole(control, roleArn(control, names.publisherRole))],
        actions: [...PUBLISHER_ACTIONS],
        resources: [tableArn(region, env.account, names.globalTable)],
        conditions: onlyPartitions(...PUBLISHER_PARTITIONS),
      })
      return new PolicyDocument({ statements: [movesPointers] })
    }
  }
}

/**
 * A replica outside the stack's own region cannot be created together with its resource policy ("Resource-based policy
 * considerations", DynamoDB developer guide). So a new replica gets its policy with the deploy after the one that made
 * it, when it stands in `deployedReplicas`; until then the publisher cannot move that region's pointer.
 */
function takesPolicy({ homeRegion, deployedReplicas = [] }: Deployment, region: string): boolean {
  return region === homeRegion || deployedReplicas.includes(region)
}
