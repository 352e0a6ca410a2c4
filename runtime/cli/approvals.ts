import { z } from 'zod'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { findFabric } from './fabric-client.ts'
import { askOperator, NoAnswerError, operatorToken, orRefused } from './operator-client.ts'
import { table } from './overview.ts'

const listed = z.object({
  approvals: z.array(
    z.object({
      id: z.string(),
      tenant: z.string(),
      agent: z.string(),
      tool: z.string(),
      action: z.string(),
      expires_at: z.string(),
      roles: z.array(z.string()).default([]),
      rules: z.array(z.string()).default([]),
    }),
  ),
})

/** `aegis approvals`: what waits for a person, region by region. @returns failed when a region does not answer */
export async function approvals(
  { stateDir, region }: { stateDir: string; region?: string },
  out: (line: string) => void,
): Promise<ExitCode> {
  const fabric = findFabric(stateDir)
  const token = operatorToken(fabric, 'viewer')
  const regions = region === undefined ? fabric.regions.map((cell) => cell.region) : [region]
  const rows: string[][] = []
  const silent: string[] = []
  for (const one of regions) {
    try {
      const reply = await askOperator(fabric, one, { method: 'GET', path: '/v1/approvals?status=pending', token })
      const found = listed.parse(orRefused(reply, `listing approvals of ${one}`)).approvals
      rows.push(
        ...found.map((it) => [
          it.id,
          it.tenant,
          it.agent,
          `${it.tool}.${it.action}`,
          it.rules.join(', '),
          it.roles.join(', '),
          it.expires_at,
        ]),
      )
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error
      silent.push(one)
    }
  }
  if (rows.length === 0) out('nothing waits for an approval')
  else for (const line of table([['id', 'tenant', 'agent', 'call', 'rules', 'needs', 'expires'], ...rows], '')) out(line)
  for (const one of silent) out(`${one} does not answer: what waits there is not in the list`)
  return silent.length === 0 ? EXIT.held : EXIT.failed
}
