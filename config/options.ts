import { z } from 'zod'
import { defaults } from './defaults.ts'
import { label } from './identifiers.ts'

/** What can be switched on, and is off by default: docs/options.md says what each is good for and what it costs. */
export const options = {
  network: z
    .strictObject({
      /** AWS Network Firewall between the tasks and NAT: what no name lookup stops. Switching it changes the addresses that tools see. */
      firewall: z.boolean().default(false),
    })
    .prefault({}),
  /** AWS Backup of the regional tables, in a locked vault of their own region. Default: none, beside point-in-time recovery. */
  backup: z
    .strictObject({
      /** Days that a backup is kept, and that the vault's lock keeps it. What was deleted from a table is in its backups for as long. */
      keepDays: z.int().min(1).max(3650, 'must be at most 3650 days').default(defaults.backup.keepDays),
      /** EventBridge's expression, in UTC. */
      schedule: z
        .string()
        .regex(/^cron\(([^\s()]+ ){5}[^\s()]+\)$/, 'is not an expression of AWS Backup such as cron(0 3 ? * * *)')
        .default(defaults.backup.schedule),
      /** Also copies each backup to another region of the same zone. */
      copyInZone: z.boolean().default(false),
    })
    .optional(),
  /** Who may take a region's break-glass role, which reads its tables and audit records past the endpoint. Default: nobody, and no role. */
  breakGlass: z
    .strictObject({
      principals: z
        .array(z.string().regex(/^arn:aws:iam::\d{12}:(role|user)\/[\w+=,.@/-]+$/, 'is not the ARN of a role or user'))
        .min(1, 'needs at least one role or user'),
    })
    .optional(),
  /** ARC region switch: a plan for each zone with a standby, by which people move the zone. Default: none, health checks alone move it. */
  regionSwitch: z
    .strictObject({
      /** Id of the health check that the plan made for the primary of each zone, once it has. Until then a plan moves nothing. */
      primaryHealthChecks: z.record(label, z.uuid('is not the id of a health check')).default({}),
    })
    .optional(),
  /** CloudFront for keys and metadata of the token issuers, and nothing else. Default: none, each region serves its own. */
  edge: z
    .strictObject({
      /** Your web ACL for CloudFront. Default: none. */
      webAclArn: z
        .string()
        .regex(
          /^arn:aws:wafv2:us-east-1:\d{12}:global\/webacl\/[\w-]+\/[\w-]+$/,
          'is not the ARN of a web ACL for CloudFront, which is in us-east-1',
        )
        .optional(),
    })
    .optional(),
}
