import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { App, Stack } from 'aws-cdk-lib/core'
import { IMAGES, type Image, imageAsset } from '../../../lib/constructs/images.ts'

export interface Build {
  ok: boolean
  output: string
}

/** Programs that the Dockerfiles use in their stages, besides node and npm. */
const PROGRAMS = ['sh', 'env', 'mkdir', 'chmod', 'sha256sum']
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
/** Bounds a build that waits for a registry. */
const TIMEOUT_MS = 170_000

/**
 * Builds and runs images by buildah without a daemon, a registry of images or a container runtime (`chroot` isolation), in a folder of its
 * own. Their base is this machine's Node and npm with the libraries that they need, in the place of the official image.
 */
export function imageBuilds(buildah: string) {
  const folder = mkdtempSync(join(tmpdir(), 'aegis-images-'))
  // Elsewhere than on one's own machine one is seldom root.
  const [program = '', ...prefix] = process.getuid?.() === 0 ? [buildah] : ['sudo', '-n', buildah]
  const stores = ['--root', join(folder, 'root'), '--runroot', join(folder, 'runroot'), '--storage-driver', 'overlay']
  const command = (...args: string[]) => ({ program, args: [...prefix, ...stores, ...args] })
  const run = (...args: string[]): Promise<Build> => {
    const { program: file, args: all } = command(...args)
    return new Promise((resolve) =>
      execFile(file, all, { maxBuffer: 64 * 1024 * 1024, timeout: TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) =>
        resolve({ ok: error === null, output: `${stdout}${stderr}` }),
      ),
    )
  }
  const must = async (built: Promise<Build>) => {
    const build = await built
    if (!build.ok) throw new Error(build.output.slice(-3000))
    return build.output.trim()
  }
  const build = (dir: string, tag: string, ...options: string[]) =>
    run('bud', '--isolation', 'chroot', '--format', 'docker', '--layers', ...options, '--tag', tag, dir)

  return {
    async makeBase(): Promise<void> {
      const base = join(folder, 'base')
      copyMachine(base)
      await must(build(base, 'localhost/base'))
    },
    /** Builds from the folder that CDK would hand to Docker. */
    build(image: Image, args: Record<string, string> = {}): Promise<Build> {
      const outdir = mkdtempSync(join(folder, 'assembly-'))
      imageAsset(new Stack(new App({ outdir, analyticsReporting: false })), image)
      const staged = readdirSync(outdir).find((name) => name.startsWith('asset.')) ?? ''
      const dir = join(outdir, staged)
      const named = Object.entries({ NODE_IMAGE: 'localhost/base', ...args }).flatMap(([name, value]) => [
        '--build-arg',
        `${name}=${value}`,
      ])
      return build(dir, `localhost/${image}`, '--file', join(dir, IMAGES[image], 'Dockerfile'), ...named)
    },
    /** What Docker reads of an image: user, command, health check. */
    async config(image: Image): Promise<Record<string, unknown>> {
      return JSON.parse(await must(run('inspect', '--type', 'image', `localhost/${image}`))).Docker.config
    },
    /** A container to run commands in. */
    container(image: Image): Promise<string> {
      return must(run('from', '--isolation', 'chroot', '--pull-never', `localhost/${image}`))
    },
    /** How a command is run in a container, with an environment. */
    running(container: string, environment: Record<string, string>, ...line: string[]) {
      const env = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`])
      return command('run', '--isolation', 'chroot', ...env, container, '--', ...line)
    },
    async remove(): Promise<void> {
      await run('rm', '--all')
      await run('rmi', '--all', '--force')
      if (prefix.length > 0) spawnSync('sudo', ['-n', 'rm', '-rf', join(folder, 'root'), join(folder, 'runroot')])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function copyMachine(base: string): void {
  const copy = (from: string, to = from) => {
    mkdirSync(dirname(join(base, to)), { recursive: true })
    cpSync(from, join(base, to), { dereference: true, recursive: true })
  }
  const npm = npmFolder()
  copy(process.execPath, '/usr/local/bin/node')
  copy(npm, '/usr/local/lib/npm')
  writeFileSync(join(base, 'usr/local/bin/npm'), '#!/bin/sh\nexec node /usr/local/lib/npm/bin/npm-cli.js "$@"\n', { mode: 0o755 })
  const programs = PROGRAMS.map((name) => which(name))
  for (const path of programs) copy(path, `/bin/${path.split('/').at(-1)}`)
  for (const library of librariesOf([process.execPath, ...programs])) copy(library)
  // How this machine reaches its registry: settings, authorities, and what it has fetched before.
  const { environment, npmrc } = npmSettings()
  mkdirSync(join(base, 'root'), { recursive: true })
  writeFileSync(join(base, 'root/.npmrc'), npmrc)
  mkdirSync(join(base, 'tmp'), { recursive: true })
  const env = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  writeFileSync(
    join(base, 'Dockerfile'),
    `FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin:/bin ${env.join(' ')}\nRUN chmod 1777 /tmp && chmod 0755 /usr/local/bin/node\n`,
  )
  const certificates = process.env.NODE_EXTRA_CA_CERTS ?? CERTIFICATES
  try {
    copy(certificates, CERTIFICATES)
  } catch {
    writeFileSync(join(base, 'no-certificates'), `${certificates} is not there: Node's own list has to do\n`)
  }
}

function npmFolder(): string {
  const self = process.env.npm_execpath
  return dirname(dirname(self?.endsWith('npm-cli.js') ? realpathSync(self) : realpathSync(which('npm'))))
}

function npmSettings(): { environment: Record<string, string>; npmrc: string } {
  const setting = (name: string) => spawnSync('npm', ['config', 'get', name], { encoding: 'utf8' }).stdout.trim()
  const own = ['registry', 'proxy', 'https-proxy'].map((name): [string, string] => [`npm_config_${name.replace('-', '_')}`, setting(name)])
  const certificates = { NODE_EXTRA_CA_CERTS: CERTIFICATES, npm_config_cafile: CERTIFICATES }
  const behind = process.env.NODE_EXTRA_CA_CERTS === undefined ? {} : certificates
  let npmrc = ''
  try {
    npmrc = readFileSync(process.env.npm_config_userconfig ?? join(homedir(), '.npmrc'), 'utf8')
  } catch {}
  return { environment: { ...Object.fromEntries(own.filter(([, value]) => !['', 'null', 'undefined'].includes(value))), ...behind }, npmrc }
}

function which(name: string): string {
  const { stdout } = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' })
  if (stdout.trim() === '') throw new Error(`${name} is not on this machine`)
  return stdout.trim()
}

/** With the loader, by the paths at which it looks for them. */
function librariesOf(programs: readonly string[]): Set<string> {
  const { stdout } = spawnSync('ldd', programs, { encoding: 'utf8' })
  return new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path))
}
