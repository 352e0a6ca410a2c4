import { z } from 'zod'
import { account, domainName, hostedZoneId, label, region } from './identifiers.ts'
import { STAGES } from './stages.ts'

/**
 * What differs from one environment to the next: accounts, domain, stage, and what AWS made up for it. Of the last, `aegis pin` writes some into
 * `config/pinned/` (pinned.ts).
 */
export const environmentSchema = z.strictObject({
  accounts: z.strictObject({
    /** Holds the control plane and the bundle signing key. */
    control: account,
    /** Holds every cell, unless `zones` gives one of its own to a zone. */
    workload: account,
    zones: z.record(label, account).default({}),
    /** The organization's management account, or the one that policies are delegated to. Default: none, and there is no org-guardrails stack. */
    management: account.optional(),
  }),
  /** Whom the policies of the org-guardrails stack bind. Goes with `accounts.management`. */
  organization: z
    .strictObject({
      id: z.string().regex(/^o-[a-z0-9]{10,32}$/, 'is not the id of an organization such as o-a1b2c3d4e5'),
      /** Roots, organizational units or accounts. Never the management account: these policies do not bind it. */
      targets: z
        .array(
          z
            .string()
            .regex(
              /^(r-[a-z0-9]{4,32}|ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|\d{12})$/,
              'is not the id of a root, an organizational unit or an account',
            ),
        )
        .min(1, 'needs at least one root, organizational unit or account'),
    })
    .optional(),
  /** Replaces the deployment's domain, so that two environments can live side by side. */
  domain: domainName.optional(),
  /**
   * Who made the hosted zone of the domain: the dns stack (`created`), or somebody else (`imported`: needs `hostedZoneId`).
   * Apart from `hostedZoneId`, because pinning the id of a zone that the dns stack made must not remove it from that stack.
   */
  hostedZone: z.enum(['created', 'imported']).default('created'),
  /** Id of the hosted zone; `aegis pin` writes it into `config/pinned/`. Default: a placeholder, and CloudFormation refuses the stacks that need it. */
  hostedZoneId: hostedZoneId.optional(),
  /**
   * The zone `control.<domain>` that the control-dns stack made in the control account, pinned in `config/pinned`. The routing stack then
   * delegates to it. Default: a placeholder, marked as `hostedZoneId` is.
   */
  controlZone: z
    .strictObject({
      hostedZoneId,
      /** The four that Route 53 gave it. */
      nameServers: z.array(domainName).min(2, 'needs the name servers that Route 53 gave the zone'),
    })
    .optional(),
  /**
   * Regions where the global table already has a replica. CloudFormation adds or removes one replica an
   * update, so from the first deploy on each change is one region. A replica gets its resource policy, which lets the
   * publisher write there, with the first deploy that finds it in this list. `aegis pin` writes it into `config/pinned/`.
   * Default: none yet, created with all.
   */
  deployedReplicas: z.array(region).optional(),
  /**
   * Lets this environment be deployed with the documents of the demo, whose client secrets everybody knows: for a look round in an account that holds
   * nothing else. Every stack then says so in its outputs.
   */
  allowDemo: z.boolean().default(false),
  /** How far the migration is: `config/stages.ts` says what each stage is, docs/migration.md walks it. Default: the last, which softens nothing. */
  stage: z.enum(STAGES, `is not a stage of the migration (${STAGES.join(', ')})`).default('tenant-binding'),
  /** Regions of `zones` that this environment has by now. Default: all of them, or what the stage leaves. */
  regions: z.array(region).min(1, 'needs at least one region').optional(),
})

export type EnvironmentConfig = z.output<typeof environmentSchema>
