import { fileURLToPath } from 'node:url'
import { App } from 'aws-cdk-lib/core'
import { z } from 'zod'
import { deployment } from '../config/deployment.ts'
import { PinnedError } from '../config/pinned.ts'
import { ConfigError, resolveDeployment } from '../config/resolve.ts'
import { loadTrustRoot, TrustRootError } from '../config/trust.ts'
import { addStacks } from '../lib/aegis-app.ts'
import { addNagChecks } from '../lib/nag/checks.ts'

/** What `cdk synth -c key=value` may say. */
const contextSchema = z.object({
  /** An environment of `config/deployment.ts`. Default: the first. */
  environment: z.string().min(1).optional(),
  /** JWKS of the bundle signing keys. Default: `config/trust/<environment>.json`, else a marked placeholder. */
  trustFile: z.string().min(1).optional(),
})

const TRUST_FOLDER = fileURLToPath(new URL('../config/trust', import.meta.url))
const PINNED_FOLDER = fileURLToPath(new URL('../config/pinned', import.meta.url))

class ContextError extends Error {}

/** Exit codes, as everywhere in Aegis. */
const CHECK_FAILED = 1
const BAD_CONFIGURATION = 2

try {
  const app = new App()
  const context = readContext(app)
  const resolved = resolveDeployment(deployment, context.environment, PINNED_FOLDER)
  addNagChecks(app, resolved)
  addStacks(app, {
    deployment: resolved,
    trustRoot: loadTrustRoot(TRUST_FOLDER, resolved.environment, context.trustFile),
  })
  app.synth()
} catch (error) {
  process.exitCode = explain(error)
}

/**
 * Tells a fault of whoever configures in a line each; a stack trace is for our own faults, which are thrown on.
 * @returns the exit code
 */
function explain(error: unknown): number {
  if (error instanceof ConfigError || error instanceof PinnedError || error instanceof TrustRootError || error instanceof ContextError) {
    console.error(error.message)
    return BAD_CONFIGURATION
  }
  // Under the CLI a finding of the nag packs ends the command itself; run alone, the app has already printed each and then throws.
  if (error instanceof Error && error.name === 'ValidationFailed') {
    console.error(error.message)
    return CHECK_FAILED
  }
  throw error
}

function readContext(app: App): z.output<typeof contextSchema> {
  const given = Object.fromEntries(Object.keys(contextSchema.shape).map((key) => [key, app.node.tryGetContext(key)]))
  const parsed = contextSchema.safeParse(given)
  if (parsed.success) return parsed.data
  throw new ContextError(parsed.error.issues.map(({ path, message }) => `-c ${path.join('.')}: ${message}`).join('\n'))
}
