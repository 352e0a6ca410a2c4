import { demoPartOf } from './demo-documents.ts'
import type { Deployment } from './schema.ts'

/**
 * What keeps a deployment from being deployed, though synth and the fabric take it: a line each, which begins with the key and says what to do.
 * CloudFormation gives these lines when it refuses a stack (`lib/deploy-rules.ts`), and the preflight before that.
 */
export function unreadyConfig(deployment: Deployment): string[] {
  const demo = deployment.allowDemo ? undefined : demoPartOf(deployment.documentsDir)
  return [
    ...accountFaults(deployment),
    ...(isReserved(deployment.domain) ? [`domain: ${deployment.domain} is reserved for examples; put a domain of your own there`] : []),
    ...(demo === undefined ? [] : [`documentsDir: ${deployment.documentsDir} ${demo}; put your own documents there`]),
  ]
}

/** Told in every stack's outputs. */
export const DEMO_WARNING =
  'this environment runs the public documents and secrets of the demo (allowDemo): give it no real tool, no real data and no public users'

/** Whether `allowDemo` lets something through. */
export function runsDemo({ allowDemo, documentsDir }: Deployment): boolean {
  return allowDemo && demoPartOf(documentsDir) !== undefined
}

/** Twelve equal digits, or the account of AWS's own examples. */
const PLACEHOLDER_ACCOUNT = /^((\d)\2{11}|123456789012)$/

function accountFaults({ accounts: { zones, ...accounts }, environment }: Deployment): string[] {
  const named = [...Object.entries(accounts), ...Object.entries(zones).map(([zone, account]) => [`zones.${zone}`, account] as const)]
  return named
    .filter(([, account]) => account !== undefined && PLACEHOLDER_ACCOUNT.test(account))
    .map(([key, account]) => `environments.${environment}.accounts.${key}: ${account} is a placeholder; put your own account there`)
}

/** Names that nobody can have (RFC 2606): a certificate for one would wait for days and then fail. */
function isReserved(domain: string): boolean {
  return /(^|\.)(example|test|invalid|localhost|example\.(com|net|org))$/.test(domain)
}
