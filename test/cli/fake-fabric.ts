import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Seen {
  method: string
  /** Without the first part of the path, which stands for the server it was sent to. */
  path: string
  /** `gateway`, `operator`, `control-plane` or `supervisor`. */
  server: string
  /** Region of a gateway or operator API. */
  region: string | undefined
  body: unknown
  /** The bearer token. */
  token: string
  headers: Record<string, string | string[] | undefined>
}
export interface Said {
  status: number
  body: unknown
  headers?: Record<string, string>
}

export interface FakeFabric {
  stateDir: string
  /** In the order of arrival. */
  seen: Seen[]
  close(): Promise<void>
}

/**
 * Files and ports of a fabric whose every part is one small server. @param answer undefined: the connection is cut, as by a
 * region that is down
 */
export async function fakeFabric(
  regions: readonly { region: string; zone: string }[],
  answer: (seen: Seen) => Said | undefined,
): Promise<FakeFabric> {
  const stateDir = mkdtempSync(join(tmpdir(), 'aegis-cli-'))
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const [, place = '', ...rest] = (request.url ?? '').split('/')
    const [kind = '', region] = place.split('@')
    const asked: Seen = {
      method: request.method ?? '',
      path: `/${rest.join('/')}`,
      server: kind,
      region,
      body: text === '' ? undefined : JSON.parse(text),
      token: (request.headers.authorization ?? '').replace('Bearer ', ''),
      headers: request.headers,
    }
    seen.push(asked)
    const said = answer(asked)
    if (said === undefined) return void request.socket.destroy()
    response.writeHead(said.status, { 'content-type': 'application/json', ...said.headers }).end(JSON.stringify(said.body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  write(stateDir, here, regions)
  return {
    stateDir,
    seen,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      rmSync(stateDir, { recursive: true })
    },
  }
}

const AGENTS = [
  'finance-agent',
  'treasury-agent',
  'support-agent',
  'trial-agent',
  'rogue-agent',
  'care-agent',
  'ward-agent',
  'ops-agent',
  'research-agent',
]

function write(stateDir: string, here: string, regions: readonly { region: string; zone: string }[]): void {
  const fabric = {
    control_plane: `${here}/control-plane`,
    dns: '127.0.0.1:53',
    profile: 'compressed',
    names: { global: `${here}/gateway@global`, eu: `${here}/gateway@eu` },
    wan: { eu: here, us: here },
    regions: regions.map((cell) => ({ ...cell, gateway: `${here}/gateway@${cell.region}`, operator: `${here}/operator@${cell.region}` })),
    demo_tokens: Object.fromEntries(AGENTS.map((agent) => [agent, `token-of-${agent}`])),
    approver_tokens: Object.fromEntries(
      ['globex-us', 'acme-eu', 'clinic-eu'].map((tenant) => [
        tenant,
        { approver: `${tenant}-a`, second: `${tenant}-b`, dpo: `${tenant}-d` },
      ]),
    ),
    operator_tokens: { viewer: 'viewer', author: 'author', publisher: 'publisher', killer: 'killer', failover: 'failover' },
  }
  writeFileSync(join(stateDir, 'fabric.json'), JSON.stringify(fabric))
  writeFileSync(join(stateDir, 'supervisor.json'), JSON.stringify({ url: `${here}/supervisor`, token: 's', pid: process.pid }))
}

/** A refusal as every API of the project words it. */
export const refusal = (status: number, code: string, more: object = {}): Said => ({
  status,
  body: { error: { code, message: `because of ${code}`, ...more } },
})
