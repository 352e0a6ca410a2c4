import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { PLACEHOLDER_TRUST_ROOT } from '../../config/trust.ts'
import type { Image } from '../../lib/constructs/images.ts'
import { findOpa, OPA_VERSION } from '../../runtime/policy/opa.ts'
import { TASK_ENVIRONMENT } from '../support/task-environment.ts'
import { freePort } from './support/foreign-server.ts'
import { imageBuilds } from './support/image-builds.ts'
import { suiteNeeding } from './support/needs.ts'

// The images are built from what CDK would hand to Docker, and started. Not here: the official Node image (its place is taken by this machine's
// Node), ARM64, a read-only root and dropped capabilities, which the task definition asks of ECS.

const buildah = process.env.AEGIS_BUILDAH
const suite = suiteNeeding('buildah', buildah)
const BUILD_MS = 180_000
const ARCH = process.arch === 'x64' ? 'amd64' : process.arch

suite('images', () => {
  const builds = imageBuilds(buildah ?? '')
  let releases: { server: Server; url: string; sha256: string }
  let started: ChildProcess | undefined

  beforeAll(async () => {
    await builds.makeBase()
    releases = await serveOpa()
  }, BUILD_MS)
  afterEach(() => {
    if (started?.pid !== undefined) process.kill(-started.pid, 'SIGKILL')
    started = undefined
  })
  afterAll(async () => {
    releases?.server.close()
    await builds.remove()
  }, 60_000)

  /** The arguments that put this machine's opa in the place of the release. */
  const opaHere = () => ({ OPA_RELEASE: releases.url, [`OPA_SHA256_${ARCH.toUpperCase()}`]: releases.sha256 })

  test(
    'the gateway starts from its image, is alive, and takes no call for want of policy',
    async () => {
      const built = await builds.build('gateway')
      if (!built.ok) throw new Error(built.output.slice(-3000))
      const container = await builds.container('gateway')
      const [port, operatorPort] = [await freePort(), await freePort()]
      const environment = {
        ...TASK_ENVIRONMENT,
        AEGIS_TRUST_ROOT: JSON.stringify(PLACEHOLDER_TRUST_ROOT),
        AEGIS_HOST: '127.0.0.1',
        AEGIS_PORT: String(port),
        AEGIS_OPERATOR_PORT: String(operatorPort),
        // Nobody listens there: a region without its stores.
        AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
      }
      const output = start(builds.running(container, environment, ...(await commandOf('gateway'))))
      const status = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status
      await until(() => status('/health/live').then((code) => code === 200), output)
      expect([await status('/health/started'), await status('/health/ready'), await status('/health/region')]).toEqual([503, 503, 503])
      const decided = await fetch(`http://127.0.0.1:${port}/v1/decisions`, { method: 'POST', body: '{}' })
      expect(decided.status).toBeGreaterThanOrEqual(400)
      await expectGuarded('gateway', container)
    },
    BUILD_MS,
  )

  test('a gateway without its environment says what it lacks, and ends', async () => {
    const { status, output } = ended(builds.running(await builds.container('gateway'), {}, ...(await commandOf('gateway'))))
    expect(output).toContain('AEGIS_TRUST_ROOT')
    expect(status).toBe(2)
  })

  test(
    'refuses to build a control plane with an opa that is not the pinned one',
    async () => {
      const { ok, output } = await builds.build('control-plane', {
        OPA_RELEASE: releases.url,
        [`OPA_SHA256_${ARCH.toUpperCase()}`]: '0'.repeat(64),
      })
      expect(ok).toBe(false)
      expect(output).toMatch(/opa: FAILED/)
    },
    BUILD_MS,
  )

  test(
    'the control plane has the pinned opa, and its server refuses an environment that config does not have',
    async () => {
      const built = await builds.build('control-plane', opaHere())
      if (!built.ok) throw new Error(built.output.slice(-3000))
      const container = await builds.container('control-plane')
      expect(ended(builds.running(container, {}, 'opa', 'version')).output).toContain(`Version: ${OPA_VERSION}\n`)
      const { status, output } = ended(builds.running(container, { AEGIS_ENVIRONMENT: 'nowhere' }, ...(await commandOf('control-plane'))))
      expect(output).toContain('no environment "nowhere"')
      expect(status).toBe(2)
      await expectGuarded('control-plane', container)
    },
    BUILD_MS,
  )

  async function commandOf(image: Image): Promise<string[]> {
    return (await builds.config(image)).Cmd as string[]
  }

  /** An unprivileged user that cannot change the program, and packages of production alone. */
  async function expectGuarded(image: Image, container: string): Promise<void> {
    const config = await builds.config(image)
    expect(config).toMatchObject({ User: '1000:1000', StopSignal: 'SIGTERM', WorkingDir: '/app' })
    expect(config.Healthcheck).toMatchObject({ Test: ['CMD', 'node', '-e', expect.stringContaining('/health/')], Retries: 3 })
    const asked = `
      const { accessSync, constants, existsSync } = require('node:fs')
      const writes = (path) => { try { accessSync(path, constants.W_OK); return true } catch { return false } }
      console.log(JSON.stringify({
        user: process.getuid(),
        mode: process.env.NODE_ENV,
        program: ['/app', '/app/runtime', '/app/runtime/${image}/server.ts', '/app/node_modules'].filter(writes),
        volumes: ${JSON.stringify(Object.keys(config.Volumes as object))}.filter((path) => !writes(path)),
        development: ['aws-cdk-lib', 'jest', 'typescript', 'dynalite', 'aws-cdk'].filter((name) => existsSync('/app/node_modules/' + name)),
      }))`
    const { output } = ended(builds.running(container, {}, 'node', '-e', asked))
    expect(JSON.parse(output.split('\n').find((line) => line.startsWith('{')) ?? 'null')).toEqual({
      user: 1000,
      mode: 'production',
      program: [],
      volumes: [],
      development: [],
    })
  }

  function start({ program, args }: { program: string; args: string[] }): () => string {
    // A group of its own: buildah's children have to end with it.
    started = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    const written: string[] = []
    for (const stream of [started.stdout, started.stderr]) stream?.on('data', (chunk: Buffer) => written.push(chunk.toString()))
    return () => written.join('')
  }
})

function ended({ program, args }: { program: string; args: string[] }): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 })
  return { status, output: `${stdout}${stderr}` }
}

/** This machine's opa under the name of the release's file. */
async function serveOpa(): Promise<{ server: Server; url: string; sha256: string }> {
  const opa = await findOpa()
  if (opa === undefined) throw new Error('opa is not on this machine; npm run tools')
  const bytes = readFileSync(opa)
  const server = createServer((request, response) => {
    if (request.url === `/opa_linux_${ARCH}_static`) response.end(bytes)
    else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { server, url, sha256: createHash('sha256').update(bytes).digest('hex') }
}

async function until(holds: () => Promise<boolean>, output: () => string): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!(await holds().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`the gateway does not answer: ${output().slice(-2000)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
