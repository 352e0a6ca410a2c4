import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join, relative } from 'node:path'

export interface SynthesisInput {
  repository: string
  /** Folder with one assembly for each input seen lately, named by its hash. */
  cacheDir: string
  /** JWKS that the task definitions carry as trust root. */
  trustFile: string
  /** Folder of the documents: templates name the tools' hosts. */
  documentsDir: string
  /** The child's whole environment. */
  env: Readonly<Record<string, string>>
  /** Aborted: nobody waits for the templates any more. */
  signal?: AbortSignal
}

export interface Assembly {
  /** The cloud assembly (`cdk.out`). */
  folder: string
  /** SHA-256 of everything that the templates depend on, but for the tags of images, hex. */
  hash: string
  cached: boolean
}

/** Of a folder, every file below counts. What is missing counts as missing. */
const SOURCES = ['bin', 'config', 'lib', 'cdk.json', 'cdk.context.json', 'package.json', 'package-lock.json']
const KEPT_ASSEMBLIES = 3
/** Images are built by a deploy; the fabric runs the tree as it is, and needs no copy of their sources. */
const UNCOPIED = { 'aws:cdk:disable-asset-staging': true }
const TIMEOUT_MS = 120_000

/**
 * Synthesizes every stack, or finds what an earlier start made of the same input.
 * @throws Error with the app's own lines when it refuses its configuration
 */
export async function synthesize(input: SynthesisInput): Promise<Assembly> {
  const hash = inputHash(input)
  const folder = join(input.cacheDir, hash)
  if (existsSync(join(folder, 'manifest.json'))) {
    // The newest are kept, and use makes one new.
    utimesSync(folder, new Date(), new Date())
    return { folder, hash, cached: true }
  }
  const beside = `${folder}.${process.pid}`
  mkdirSync(beside, { recursive: true })
  try {
    await runApp(input, beside)
    if (!existsSync(join(beside, 'manifest.json'))) throw new Error('synth ended well but wrote no manifest.json')
    rmSync(folder, { recursive: true, force: true })
    renameSync(beside, folder)
  } finally {
    rmSync(beside, { recursive: true, force: true })
  }
  forgetOld(input.cacheDir)
  return { folder, hash, cached: false }
}

export function inputHash({
  repository,
  trustFile,
  documentsDir,
}: Pick<SynthesisInput, 'repository' | 'trustFile' | 'documentsDir'>): string {
  const hash = createHash('sha256').update(process.version)
  const documents = ['tools.yaml', 'agents'].map((name) => relative(repository, join(documentsDir, name)))
  for (const path of [...SOURCES, ...documents].flatMap((source) => filesOf(repository, source))) {
    hash.update(`\0${path}\0`).update(readFileSync(join(repository, path)))
  }
  return hash.update('\0trust\0').update(readFileSync(trustFile)).digest('hex')
}

function filesOf(repository: string, path: string): string[] {
  const stat = statSync(join(repository, path), { throwIfNoEntry: false })
  if (stat === undefined) return []
  if (!stat.isDirectory()) return [path]
  return readdirSync(join(repository, path))
    .sort()
    .flatMap((name) => filesOf(repository, `${path}/${name}`))
}

/** The app itself, without the CDK CLI: the CLI adds a second and nothing that the fabric reads. */
async function runApp({ repository, trustFile, env, signal }: SynthesisInput, outputDir: string): Promise<void> {
  const { context } = JSON.parse(readFileSync(join(repository, 'cdk.json'), 'utf8')) as { context?: object }
  const child = spawn(process.execPath, ['bin/aegis.ts'], {
    cwd: repository,
    env: { ...env, CDK_OUTDIR: outputDir, CDK_CONTEXT_JSON: JSON.stringify({ ...context, ...UNCOPIED, trustFile }) },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    ...(signal && { signal }),
  })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`synth failed: ${Buffer.concat(output).toString().trim().slice(-2000) || `it ended with code ${code}`}`)
}

function forgetOld(cacheDir: string): void {
  const byAge = readdirSync(cacheDir)
    .map((name) => join(cacheDir, name))
    .sort((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs)
  for (const folder of byAge.slice(KEPT_ASSEMBLIES)) rmSync(folder, { recursive: true, force: true })
}
