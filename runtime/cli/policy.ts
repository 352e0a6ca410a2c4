import { buildPolicies, testPolicies } from '../policy/build.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { answered, findFabric } from './fabric-client.ts'
import { send } from './http.ts'
import { table } from './overview.ts'
import { controlPlaneStatus, publishedStatus } from './status.ts'

type Out = (line: string) => void

/** `aegis policy build`: module and schemas from the Rego. */
export async function policyBuild(out: Out): Promise<ExitCode> {
  return await shown(buildPolicies, out)
}

/** `aegis policy test`: what a change of Rego must pass. */
export async function policyTest(out: Out): Promise<ExitCode> {
  return await shown(testPolicies, out)
}

/** What `opa` complains about is no fault of usage, and its own lines say it best. */
async function shown(work: () => Promise<string[]>, out: Out): Promise<ExitCode> {
  try {
    for (const line of await work()) out(line)
    return EXIT.held
  } catch (error) {
    out((error as Error).message)
    return EXIT.failed
  }
}

/** `aegis policy publish`: the control plane reads the documents anew and publishes them. @returns failed when it refuses them */
export async function policyPublish(stateDir: string, out: Out): Promise<ExitCode> {
  const fabric = findFabric(stateDir)
  const asked = { url: `${fabric.control_plane}/v1/publish`, method: 'POST', token: fabric.publishToken, body: '{}' } as const
  const answer = await answered('the control plane', send({ ...asked, timeoutMs: PUBLISH_TIMEOUT_MS }))
  const body: unknown = JSON.parse(answer.text)
  if (answer.status !== 200) {
    out(`refused, and nothing was published:\n${(body as { error: { message: string } }).error.message}`)
    return EXIT.failed
  }
  return showPublished(controlPlaneStatus.parse(body), out)
}

/** `aegis policy status`: what is published, and which regions have confirmed it. */
export async function policyStatus(stateDir: string, out: Out): Promise<ExitCode> {
  return showPublished(await publishedStatus(findFabric(stateDir)), out)
}

const PUBLISH_TIMEOUT_MS = 30_000

function showPublished({ seq, revision, published_at, refused, regions }: Awaited<ReturnType<typeof publishedStatus>>, out: Out): ExitCode {
  out(seq === null ? 'nothing is published yet' : `revision ${revision}, seq ${seq}, published ${published_at}`)
  if (refused !== null) out(`the last attempt was refused:\n${refused}`)
  const rows = regions.map((one) => [
    one.region,
    one.zone,
    one.seq === null ? '-' : String(one.seq),
    one.confirmed_at ?? '-',
    one.error ?? '',
  ])
  for (const line of table([['region', 'zone', 'seq', 'confirmed', 'error'], ...rows])) out(line)
  return regions.every((one) => one.seq === seq) && refused === null ? EXIT.held : EXIT.failed
}
