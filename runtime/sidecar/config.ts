import { z } from 'zod'
import { parseEnvironment } from '../model/environment.ts'

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** Where tokens go. A path, a query or a user in it would be lost or sent along, so there may be none. */
const gatewayUrl = z.string().transform((text, context) => {
  const url = URL.parse(text)
  const fault = url === null ? 'is no URL' : faultOf(url)
  if (url !== null && fault === undefined) return url.origin
  context.addIssue({ code: 'custom', message: fault ?? 'is no URL' })
  return z.NEVER
})

const milliseconds = z.coerce.number().int().min(1).max(120_000)

const environmentSchema = z.object({
  /** The zone's, global or a region's URL. */
  AEGIS_GATEWAY_URL: gatewayUrl,
  AEGIS_SIDECAR_PORT: z.coerce.number().int().min(0).max(65535),
  AEGIS_CONNECT_TIMEOUT_MS: milliseconds.default(3000),
  /** For the whole answer. Longer than an agent may wait for an approval (30 s), shorter than the load balancer keeps a silent connection (60 s). */
  AEGIS_ANSWER_TIMEOUT_MS: milliseconds.default(45_000),
})

/** Names of all variables that the sidecar understands. */
export const KNOWN_VARIABLES: readonly string[] = Object.keys(environmentSchema.shape)

export type SidecarConfig = ReturnType<typeof loadConfig>

/** @throws Error with one line for each variable that is missing or malformed */
export function loadConfig(env: Record<string, string | undefined> = process.env) {
  const e = parseEnvironment(environmentSchema, env)
  return {
    gatewayUrl: e.AEGIS_GATEWAY_URL,
    port: e.AEGIS_SIDECAR_PORT,
    connectTimeoutMs: e.AEGIS_CONNECT_TIMEOUT_MS,
    answerTimeoutMs: e.AEGIS_ANSWER_TIMEOUT_MS,
  }
}

function faultOf({ protocol, hostname, username, password, pathname, search, hash }: URL): string | undefined {
  if (username !== '' || password !== '' || pathname !== '/' || search !== '' || hash !== '')
    return 'must be scheme, host and port alone, such as https://eu.agents.example.com'
  if (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname))) return undefined
  return 'must be https, since tokens go there; http is for loopback alone'
}
