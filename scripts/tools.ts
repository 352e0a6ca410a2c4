// Fetches the pinned opa into `.tools/`: only changed Rego and `npm run test:full` need it.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { goInstallEnvironment } from '../runtime/policy/config.ts'
import { findOpa, OPA_VERSION, TOOLS_DIR, versionOf } from '../runtime/policy/opa.ts'

const lockSchema = z.strictObject({
  opa: z.strictObject({
    version: z.literal(OPA_VERSION),
    module: z.string(),
    release: z.url(),
    /** Name of the release's file by platform. */
    files: z.record(z.string(), z.string()),
    /** Lower-case hex by platform, from a source that is not the download itself. A platform without one is not downloaded. */
    sha256: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
  }),
})
export type OpaLock = z.output<typeof lockSchema>['opa']

if (import.meta.main) process.exitCode = await main()

/** @returns the exit code: 0 when opa is there, 1 when it could not be had */
async function main(): Promise<number> {
  try {
    const found = await findOpa()
    console.log(found === undefined ? `opa ${OPA_VERSION}: ${await install(readLock())}` : `opa ${OPA_VERSION}: ${found}`)
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return 1
  }
}

/** Builds with Go, whose own sum database checks the source, or downloads what the lock file knows the checksum of. */
async function install(lock: OpaLock): Promise<string> {
  mkdirSync(TOOLS_DIR, { recursive: true })
  const target = join(TOOLS_DIR, process.platform === 'win32' ? 'opa.exe' : 'opa')
  if (spawnSync('go', ['version']).status === 0) {
    console.log(`opa ${lock.version}: building with go install, which takes a few minutes the first time`)
    const built = spawnSync('go', ['install', `${lock.module}@v${lock.version}`], {
      stdio: 'inherit',
      env: goInstallEnvironment(TOOLS_DIR),
    })
    if (built.status !== 0) throw new Error(`go install ${lock.module}@v${lock.version} failed; opa 1.19 needs Go 1.26 or newer`)
  } else {
    const bytes = await download(lock, `${process.platform}-${process.arch}`)
    writeFileSync(`${target}.part`, bytes)
    chmodSync(`${target}.part`, 0o755)
    renameSync(`${target}.part`, target)
  }
  const version = await versionOf(target)
  if (version !== lock.version)
    throw new Error(`${target} is ${version ?? 'not opa'}, expected opa ${lock.version}; delete it and try again`)
  return target
}

/**
 * Downloads a release file and compares its checksum.
 *
 * @param platform as `linux-x64`
 * @throws Error for a platform without a pinned checksum, a failed download, or other bytes than pinned
 */
export async function download({ version, release, files, sha256 }: OpaLock, platform: string, get = fetch): Promise<Uint8Array> {
  const file = files[platform]
  const pinned = sha256[platform]
  if (file === undefined || pinned === undefined) {
    throw new Error(
      `opa ${version} for ${platform} has no checksum in scripts/tools.lock.json, so it is not downloaded; ` +
        'install Go 1.26 or newer and run npm run tools again, or set OPA_BIN to an opa of that version',
    )
  }
  const response = await get(new URL(file, release))
  if (!response.ok) throw new Error(`${release}${file} answered ${response.status}`)
  const bytes = new Uint8Array(await response.arrayBuffer())
  const digest = createHash('sha256').update(bytes).digest('hex')
  if (digest !== pinned) throw new Error(`${release}${file} has sha256 ${digest}, pinned is ${pinned}; it was not installed`)
  return bytes
}

export function readLock(): OpaLock {
  return lockSchema.parse(JSON.parse(readFileSync(fileURLToPath(new URL('tools.lock.json', import.meta.url)), 'utf8'))).opa
}
