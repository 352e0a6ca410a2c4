import { z } from 'zod'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { findFabric, type RunningFabric } from './fabric-client.ts'
import { askControlPlane, operatorToken, orRefused } from './operator-client.ts'
import { operatorLines } from './operator-status.ts'
import { table } from './overview.ts'

const supervisorStatus = z.object({
  profile: z.object({ name: z.string() }),
  regions: z.array(z.object({ region: z.string(), zone: z.string(), state: z.string() })),
  processes: z.array(
    z.object({ name: z.string(), pid: z.int().nullable(), rss_bytes: z.number().nullable(), pss_bytes: z.number().nullable() }),
  ),
  traffic: z.object({ calls: z.int(), answers: z.record(z.string(), z.int()) }).nullable(),
})
const health = z.object({ checks: z.array(z.object({ region: z.string(), state: z.string() })) })
export const controlPlaneStatus = z.object({
  seq: z.int().nullable(),
  revision: z.string().nullable(),
  published_at: z.string().nullable(),
  refused: z.string().nullable(),
  regions: z.array(
    z.object({
      region: z.string(),
      zone: z.string(),
      seq: z.int().nullable(),
      confirmed_at: z.string().nullable(),
      error: z.string().nullable(),
    }),
  ),
})

/** `aegis status`: regions, processes and what is published. @returns failed when a region is not up or not healthy */
export async function status(stateDir: string, out: (line: string) => void): Promise<ExitCode> {
  const fabric = findFabric(stateDir)
  const { profile, regions, processes, traffic } = supervisorStatus.parse(await fabric.control('GET', '/status'))
  const { checks } = health.parse(await fabric.control('GET', '/health'))
  const published = await publishedStatus(fabric).catch(() => undefined)
  const rows = regions.map(({ region, zone, state }) => {
    const check = checks.find((one) => one.region === region)?.state ?? '-'
    const seq = published?.regions.find((one) => one.region === region)?.seq
    return [region, zone, state, check, seq === undefined || seq === null ? '-' : String(seq)]
  })
  out(
    `profile ${profile.name}, ${published === undefined ? 'control plane does not answer' : `revision ${published.revision}, seq ${published.seq}`}`,
  )
  for (const line of table([['region', 'zone', 'state', 'health check', 'seq'], ...rows])) out(line)
  if (traffic !== null)
    out(
      `demo traffic: ${traffic.calls} calls, ${Object.entries(traffic.answers)
        .map(([answer, count]) => `${count} x ${answer}`)
        .join(', ')}`,
    )
  for (const line of await operatorLines(fabric)) out(line)
  for (const line of table([['process', 'pid', 'resident', 'own share'], ...processes.map(processRow)])) out(line)
  out(`memory in all: ${mebibytes(sum(processes.map((one) => one.pss_bytes ?? one.rss_bytes)))}`)
  return rows.every(([, , state, check]) => state === 'up' && check === 'healthy') ? EXIT.held : EXIT.failed
}

/** What the control plane says of itself and of every region. @throws CommandError when it refuses or does not answer */
export async function publishedStatus(fabric: RunningFabric): Promise<z.output<typeof controlPlaneStatus>> {
  const order = { method: 'GET', path: '/v1/status', token: operatorToken(fabric, 'viewer'), timeoutMs: 5000 } as const
  return controlPlaneStatus.parse(orRefused(await askControlPlane(fabric, order), 'the status of the control plane'))
}

type ProcessStatus = z.output<typeof supervisorStatus>['processes'][number]

const processRow = ({ name, pid, rss_bytes, pss_bytes }: ProcessStatus) => [
  name,
  pid === null ? 'down' : String(pid),
  mebibytes(rss_bytes),
  mebibytes(pss_bytes),
]
const mebibytes = (bytes: number | null) => (bytes === null ? '-' : `${Math.round(bytes / 2 ** 20)} MiB`)
const sum = (values: readonly (number | null)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0)
