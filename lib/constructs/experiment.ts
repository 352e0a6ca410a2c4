import { CfnExperimentTemplate } from 'aws-cdk-lib/aws-fis'
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import { DRILL_TAG, type Drill } from '../../config/drills.ts'
import { cellNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'
import { alarmArn, logGroupArn } from './arns.ts'
import { loggingRights } from './drill-rights.ts'
import { writeParameter } from './network-parameter.ts'

export interface ExperimentProps {
  readonly cell: Cell
  readonly drill: Drill
  readonly description: string
  /** The fault. FIS lets an action run for the time in its parameter `duration`, and undoes it then. */
  readonly action: CfnExperimentTemplate.ExperimentTemplateActionProperty
  /** What it hits, by the names that the action's `targets` refer to. */
  readonly targets: Record<string, CfnExperimentTemplate.ExperimentTemplateTargetProperty>
  /** Names of alarms of this region, each of which ends the drill. */
  readonly stopAlarms: readonly string[]
  /** What the fault takes. Nothing else may be in it. */
  readonly rights: readonly PolicyStatement[]
  /** Findings that come with those rights. */
  readonly findings: Readonly<Record<string, string>>
}

/**
 * One drill on one region: a template of AWS Fault Injection Service with a role of its own, alarms that end it, and a log. A template that
 * would hit nothing fails instead of passing: a drill of nothing proves nothing.
 */
export class Experiment extends Construct {
  constructor(scope: Construct, id: string, { cell, drill, description, action, targets, stopAlarms, rights, findings }: ExperimentProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const names = cellNames(deployment, region, zone)
    const role = new Role(this, 'Role', {
      roleName: names.drillRole(drill),
      description: `What a drill (${drill}) does to ${region}`,
      assumedBy: new ServicePrincipal('fis.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': names.account },
          ArnLike: { 'aws:SourceArn': `arn:aws:fis:${region}:${names.account}:experiment/*` },
        },
      }),
    })
    const logging = loggingRights(region)
    for (const statement of [...rights, logging.statement]) role.addToPolicy(statement)
    acknowledge(role, { ...findings, ...logging.findings })
    acknowledgeOwnPolicy(role)
    const template = new CfnExperimentTemplate(this, 'Template', {
      description,
      roleArn: role.roleArn,
      actions: { [drill]: action },
      targets,
      stopConditions: stopAlarms.map((alarm) => ({ source: 'aws:cloudwatch:alarm', value: alarmArn(region, names.account, alarm) })),
      experimentOptions: { accountTargeting: 'single-account', emptyTargetResolutionMode: 'fail' },
      logConfiguration: {
        logSchemaVersion: 2,
        cloudWatchLogsConfiguration: { LogGroupArn: `${logGroupArn(region, names.account, names.drillLogs)}:*` },
      },
      tags: {
        Name: `${names.cluster}-${drill}`,
        [DRILL_TAG]: drill,
        'aegis:deployment': deployment.name,
        'aegis:environment': deployment.environment,
      },
    })
    // FIS looks at role and log when the template is made.
    template.node.addDependency(role)
    writeParameter(this, names.drillParameter(drill), template.attrId)
  }
}
