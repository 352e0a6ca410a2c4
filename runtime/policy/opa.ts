import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type OpaConfig, opaConfig, opaEnvironment } from './config.ts'

/** Other versions compile the same Rego to other bytes, so no other is used. */
export const OPA_VERSION = '1.19.1'

/** The cache of `npm run tools`. */
export const TOOLS_DIR = fileURLToPath(new URL('../../.tools/', import.meta.url))

/** @returns the path of an opa of the pinned version, or undefined when this machine has none */
export async function findOpa({ named, candidates }: OpaConfig = opaConfig(TOOLS_DIR)): Promise<string | undefined> {
  if (named !== undefined) {
    const version = await versionOf(named)
    if (version === OPA_VERSION) return named
    throw new Error(
      `OPA_BIN=${named} is ${version === undefined ? 'not opa' : `opa ${version}`}, opa ${OPA_VERSION} is needed; run npm run tools`,
    )
  }
  for (const candidate of candidates) {
    if (existsSync(candidate) && (await versionOf(candidate)) === OPA_VERSION) return candidate
  }
  return undefined
}

export async function requireOpa(): Promise<string> {
  const opa = await findOpa()
  if (opa === undefined) throw new Error(`opa ${OPA_VERSION} is not on this machine; run npm run tools`)
  return opa
}

export interface OpaResult {
  code: number
  stdout: string
  stderr: string
}

const TIMEOUT_MS = 120_000

/**
 * Runs opa to its end. A failing exit code is a result, not an error. It sees nothing of our environment but where programs and
 * temporary files are: Rego that somebody hands in can ask for variables.
 *
 * @throws Error when it cannot be started, or does not end in two minutes
 */
export function runOpa(opa: string, args: readonly string[], { cwd, stdin }: { cwd: string; stdin?: string }): Promise<OpaResult> {
  return new Promise((resolve, reject) => {
    const options = { cwd, env: opaEnvironment(), maxBuffer: 64 * 1024 * 1024, timeout: TIMEOUT_MS, killSignal: 'SIGKILL' } as const
    const child = execFile(opa, args, options, (error, stdout, stderr) => {
      if (error?.killed) reject(new Error(`opa ${args[0]} did not end in ${TIMEOUT_MS / 1000} s`, { cause: error }))
      else if (error !== null && typeof error.code !== 'number') reject(error)
      else resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
    // A child that ends without reading closes the pipe; its exit code says what happened.
    child.stdin?.on('error', () => {})
    if (stdin === undefined) child.stdin?.end()
    else child.stdin?.end(stdin)
  })
}

/** The version that a binary says it has; undefined when it is no opa. */
export async function versionOf(binary: string): Promise<string | undefined> {
  try {
    const { stdout } = await runOpa(binary, ['version'], { cwd: '.' })
    return /^Version: (\S+)$/m.exec(stdout)?.[1]
  } catch {
    return undefined
  }
}
