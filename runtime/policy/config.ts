import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

export interface OpaConfig {
  /** A binary that someone named. Used, or refused with a clear line, but never passed over. */
  named: string | undefined
  /** Where else a binary may be, in order. */
  candidates: readonly string[]
}

/** `OPA_BIN` names the binary; `PATH` is searched after the cache of `npm run tools`, and last Go's own folder. */
export function opaConfig(toolsDir: string, env: NodeJS.ProcessEnv = process.env): OpaConfig {
  const name = process.platform === 'win32' ? 'opa.exe' : 'opa'
  const folders = [toolsDir, ...(env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''), join(homedir(), 'go', 'bin')]
  return { named: env.OPA_BIN || undefined, candidates: folders.map((folder) => join(folder, name)) }
}

/** The environment in which `go install` puts its binary into a folder. Without cgo the result needs no C library. */
export function goInstallEnvironment(toolsDir: string, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...env, GOBIN: toolsDir, CGO_ENABLED: '0' }
}

/** What opa gets to see of our environment: nothing that says who we are. */
export function opaEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const kept = ['PATH', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot']
  return Object.fromEntries(Object.entries(env).filter(([name]) => kept.includes(name)))
}
