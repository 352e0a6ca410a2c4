import { devNull } from 'node:os'
import { fileURLToPath } from 'node:url'

// What a process of the fabric may know of the machine it runs on. Nothing else is inherited: neither the credentials and
// endpoints of the person's own AWS account, nor their proxy, nor their NODE_OPTIONS.
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'SystemRoot']

/** Any credentials do for the stand-ins; an SDK that finds none would look for them on the network. */
const STAND_IN_CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_CONFIG_FILE: devNull,
  AWS_SHARED_CREDENTIALS_FILE: devNull,
  AWS_EC2_METADATA_DISABLED: 'true',
}

/**
 * Where Node keeps compiled sources between starts. Without it every process loads the type stripper, which costs each
 * of them some 25 MB and half of its boot.
 */
export const COMPILE_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/aegis', import.meta.url))

export function childEnvironment(more: Readonly<Record<string, string>> = {}, env: Record<string, string | undefined> = process.env) {
  const inherited = INHERITED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]))
  return { ...Object.fromEntries(inherited), ...STAND_IN_CREDENTIALS, NODE_COMPILE_CACHE: COMPILE_CACHE, ...more }
}

/** Telemetry of the gateways goes where the person says: the standard OpenTelemetry variables. */
export function telemetryEnvironment(env: Record<string, string | undefined> = process.env): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (name.startsWith('OTEL_') && value !== undefined ? [[name, value]] : [])),
  )
}
