import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { AssetStaging, IgnoreStrategy, Stack } from 'aws-cdk-lib/core'
import { SPOOL_DIR } from '../lib/constructs/gateway-environment.ts'
import { allowed, IMAGES, imageAsset } from '../lib/constructs/images.ts'
import { readLock } from '../scripts/tools.ts'
import { importsFrom } from './support/imports-from.ts'
import { smallApp } from './support/small-app.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>

/** What is built of this tree's programs. The collector's is AWS's own, with a folder. */
const OWN = ['gateway', 'control-plane'] as const
type OwnImage = (typeof OWN)[number]

/** What a process of the image is started from, and in turn starts. */
const PROGRAMS: Record<OwnImage, string[]> = {
  gateway: ['runtime/gateway/server.ts', 'runtime/gateway/replay/child.ts', 'runtime/sidecar/server.ts'],
  'control-plane': ['runtime/control-plane/server.ts'],
}
/** What they read at run time. */
const READS: Record<OwnImage, string[]> = {
  gateway: ['package.json'],
  'control-plane': [
    'package.json',
    'policies/capabilities.json',
    'policies/dist/policy.wasm',
    'policies/dist/manifest.json',
    'policies/gateway/access.rego',
    'policies/schemas/input.json',
    'config/trust/README.md',
    'demo/agents/finance-agent.yaml',
    'demo/tools.yaml',
  ],
}

describe.each(OWN)('the image of the %s', (image) => {
  const dockerfile = read(`${IMAGES[image]}/Dockerfile`)
  const instructions = dockerfile
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', '')
    .split('\n')
    .filter((line) => line !== '')
  const lastStage = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')))
  const patterns = allowed(join(ROOT, `${IMAGES[image]}/Dockerfile.dockerignore`))
  const ignore = IgnoreStrategy.docker(ROOT, patterns)
  const { files, packages } = importsFrom(ROOT, PROGRAMS[image])

  test('holds every file that its programs import or read', () => {
    expect(files.length).toBeGreaterThan(100)
    expect([...files, ...READS[image]].filter((file) => ignore.ignores(join(ROOT, file)))).toEqual([])
  })

  test('holds no folder of sources that none of them needs', () => {
    const sources = patterns.filter((pattern) => /^!(runtime|config)\//.test(pattern) && pattern !== '!config/trust')
    const unneeded = sources.filter((pattern) => !files.some((file) => file.startsWith(pattern.slice(1).replace('*.ts', ''))))
    expect(sources.length).toBeGreaterThan(5)
    expect(unneeded).toEqual([])
  })

  test('holds nothing of tests, templates or other programs', () => {
    const others = ['test/images.test.ts', 'lib/aegis-app.ts', 'bin/aegis.ts', 'runtime/cli/aegis.ts', 'cdk.json', '.git/config']
    expect(others.filter((file) => !ignore.ignores(join(ROOT, file)))).toEqual([])
  })

  test('imports no package but those it installs', () => {
    expect(packages.length).toBeGreaterThan(10)
    expect(packages.filter((name) => !(name in dependencies))).toEqual([])
  })

  test('starts from the Node of package.json, by digest', () => {
    const pinned = `ARG NODE_IMAGE=node:${devDependencies.node}-bookworm-slim@sha256:`
    expect(instructions.filter((line) => line.startsWith(pinned))).toHaveLength(1)
    expect(dockerfile).toMatch(/^ARG NODE_IMAGE=\S+@sha256:[0-9a-f]{64}$/m)
    const bases = instructions.filter((line) => line.startsWith('FROM '))
    expect(bases.filter((line) => !/ \$\{NODE_IMAGE\}( AS \w+)?$/.test(line))).toEqual([])
    expect(bases.slice(0, -1).filter((line) => !line.startsWith('FROM --platform=$BUILDPLATFORM '))).toEqual([])
    expect(bases.at(-1)).toMatch(/^FROM \$\{NODE_IMAGE\}$/)
  })

  test('runs nothing in its last stage, so that it can be built for another processor', () => {
    expect(lastStage.filter((line) => line.startsWith('RUN '))).toEqual([])
    expect(instructions.filter((line) => line.startsWith('RUN ')).length).toBeGreaterThan(0)
  })

  test('installs what the lockfile pins, without development packages and without their scripts', () => {
    const [install, ...others] = instructions.filter((line) => /\bnpm\b/.test(line) && line.startsWith('RUN '))
    expect(others).toEqual([])
    expect(install?.split(' ')).toEqual(expect.arrayContaining(['install', '--omit=dev', '--no-save', '--ignore-scripts']))
  })

  test('is started without a shell, by an unprivileged user, and stopped by the signal that it listens for', () => {
    expect(lastStage).toEqual(
      expect.arrayContaining(['ENV NODE_ENV=production', 'USER 1000:1000', 'STOPSIGNAL SIGTERM', `CMD ["node", "${PROGRAMS[image][0]}"]`]),
    )
  })
})

test('the gateway may write where the task mounts its spool, and nowhere else', () => {
  const dockerfile = read('runtime/gateway/Dockerfile')
  expect([...dockerfile.matchAll(/^VOLUME (.*)$/gm)].map(([, paths]) => JSON.parse(paths ?? ''))).toEqual([[SPOOL_DIR]])
  expect(dockerfile).toContain(`--chown=1000:1000 /spool ${SPOOL_DIR}\n`)
})

test('the control plane carries the documents of config in place of the demo', () => {
  const root = mkdtempSync(join(tmpdir(), 'aegis-image-'))
  const outdir = mkdtempSync(join(tmpdir(), 'aegis-image-out-'))
  try {
    for (const file of ['Dockerfile', 'Dockerfile.dockerignore']) {
      mkdirSync(join(root, IMAGES['control-plane']), { recursive: true })
      cpSync(join(ROOT, IMAGES['control-plane'], file), join(root, IMAGES['control-plane'], file))
    }
    for (const folder of ['demo', 'ours']) {
      mkdirSync(join(root, folder))
      writeFileSync(join(root, folder, 'tools.yaml'), folder)
    }
    const app = smallApp({ outdir })
    imageAsset(new Stack(app, 'Stack'), 'control-plane', { root, documentsDir: 'ours' })
    const [image] = Object.values<{ source: { directory: string; dockerBuildArgs: object } }>(
      JSON.parse(readFileSync(join(app.synth().directory, 'Stack.assets.json'), 'utf8')).dockerImages,
    )
    expect(image?.source.dockerBuildArgs).toEqual({ DOCUMENTS_DIR: 'ours' })
    expect(readdirSync(join(outdir, image?.source.directory ?? '')).toSorted()).toEqual(['ours', 'runtime'])
  } finally {
    for (const folder of [root, outdir]) rmSync(folder, { recursive: true, force: true })
  }
})

describe('the documents that the control plane carries', () => {
  let root = ''
  let outdir = ''
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'aegis-image-'))
    mkdirSync(join(root, IMAGES['control-plane']), { recursive: true })
    for (const file of ['Dockerfile', 'Dockerfile.dockerignore'])
      cpSync(join(ROOT, IMAGES['control-plane'], file), join(root, IMAGES['control-plane'], file))
    for (const folder of ['ours/agents', 'linking', 'elsewhere']) mkdirSync(join(root, folder), { recursive: true })
    for (const file of ['ours/tools.yaml', 'ours/.env', 'ours/agents/.env.prod', 'elsewhere/secret', 'file'])
      writeFileSync(join(root, file), '')
    symlinkSync(join(root, 'elsewhere/secret'), join(root, 'linking/tools.yaml'))
    symlinkSync(join(root, 'elsewhere'), join(root, 'link'))
  })
  beforeEach(() => {
    outdir = mkdtempSync(join(tmpdir(), 'aegis-image-out-'))
  })
  afterEach(() => rmSync(outdir, { recursive: true, force: true }))
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  const carrying = (documentsDir: string) => imageAsset(new Stack(smallApp({ outdir })), 'control-plane', { root, documentsDir })

  test('are none of the files that begin with a dot', () => {
    const staged = join(outdir, `asset.${carrying('ours').assetHash}`, 'ours')
    expect(existsSync(join(staged, 'tools.yaml'))).toBe(true)
    expect(readdirSync(staged, { recursive: true }).filter((file) => String(file).includes('.env'))).toEqual([])
  })

  test.each([
    ['link', 'reached by a symbolic link'],
    ['link/../link', 'reached by a symbolic link'],
    ['linking', 'linking/tools.yaml is a symbolic link'],
    ['absent', 'it is absent'],
    ['file', 'a file'],
    ['o*', 'as it becomes a pattern'],
    ['..', 'is not a folder of this repository'],
    ['/elsewhere', 'is not a folder of this repository'],
  ])('refuses %s in one line that names the key', (documentsDir, why) => {
    expect(() => carrying(documentsDir)).toThrow(why)
    expect(() => carrying(documentsDir)).toThrow(/^config\/deployment\.ts: documentsDir: .*$/)
    expect(readdirSync(outdir)).toEqual([])
  })
})

test('the control plane takes the opa of the lock file, and no other', () => {
  const { release, sha256, files } = readLock()
  const dockerfile = read('runtime/control-plane/Dockerfile')
  const argument = (name: string) => new RegExp(`^ARG ${name}=(.*)$`, 'm').exec(dockerfile)?.[1]
  expect(`${argument('OPA_RELEASE')}/`).toBe(release)
  expect([argument('OPA_SHA256_AMD64'), argument('OPA_SHA256_ARM64')]).toEqual([sha256['linux-x64'], sha256['linux-arm64']])
  expect([files['linux-x64'], files['linux-arm64']]).toEqual(['amd64', 'arm64'].map((arch) => `opa_linux_${arch}_static`))
  expect(dockerfile).toMatch(/^ADD \$\{OPA_RELEASE\}\/opa_linux_\$\{TARGETARCH\}_static \/opa$/m)
})

describe('the fingerprint of an image', () => {
  let root = ''
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'aegis-image-'))
    for (const file of ['package.json', 'runtime/gateway/Dockerfile', 'runtime/gateway/Dockerfile.dockerignore']) {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      cpSync(join(ROOT, file), join(root, file))
    }
    write('runtime/gateway/server.ts', 'serve()')
    write('runtime/model/call.ts', 'export interface Call {}')
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  test.each(['README.md', 'runtime/fabric/fabric.ts', 'test/x.test.ts', 'lib/x.ts', 'node_modules/x/index.js', '.env', 'cdk.out/x'])(
    'is the same with another %s',
    (file) => {
      const before = fingerprint()
      write(file, 'planted')
      expect(fingerprint()).toBe(before)
    },
  )

  test.each([
    'runtime/gateway/server.ts',
    'runtime/model/call.ts',
    'runtime/model/new.ts',
    'package-lock.json',
    'runtime/gateway/Dockerfile',
  ])('is another with another %s', (file) => {
    const before = fingerprint()
    write(file, `${file} changed`)
    expect(fingerprint()).not.toBe(before)
  })

  function write(file: string, text: string): void {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }

  function fingerprint(): string {
    AssetStaging.clearAssetHashCache()
    const outdir = mkdtempSync(join(tmpdir(), 'aegis-image-out-'))
    try {
      return imageAsset(new Stack(smallApp({ outdir })), 'gateway', { root }).assetHash
    } finally {
      rmSync(outdir, { recursive: true, force: true })
    }
  }
})

describe('following imports', () => {
  let root = ''
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'aegis-imports-'))
    writeFileSync(
      join(root, 'a.ts'),
      "import type { T } from './types.ts'\nimport x from 'dynalite'\nexport * from './b.ts'\nexport const y: T = x",
    )
    writeFileSync(
      join(root, 'b.ts'),
      "import {\n  c,\n} from '@scope/c/sub.js'\nimport { readFileSync } from 'node:fs'\nawait import('./d.ts')\n",
    )
    writeFileSync(join(root, 'd.ts'), "import 'side-effect'")
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  test('finds a development package, a deep import and one at run time, and leaves out types', () => {
    expect(importsFrom(root, ['a.ts'])).toEqual({ files: ['a.ts', 'b.ts', 'd.ts'], packages: ['@scope/c', 'dynalite', 'side-effect'] })
  })
})
