import { z } from 'zod'
import { runOpa } from '../opa.ts'

const capabilities = z.looseObject({ builtins: z.array(z.looseObject({ name: z.string(), nondeterministic: z.boolean().optional() })) })

/** The functions that a capabilities file allows. */
export function capabilityNames(text: string): ReadonlySet<string> {
  return new Set(capabilities.parse(JSON.parse(text)).builtins.map(({ name }) => name))
}

/**
 * What Rego tests may use: all that opa has but what answers differently from run to run, which is what reaches the network, the clock and the
 * environment of the machine. No schema is fetched either.
 */
export async function testCapabilities(opa: string, cwd: string): Promise<string> {
  const { stdout, stderr, code } = await runOpa(opa, ['capabilities', '--current'], { cwd })
  if (code !== 0) throw new Error(`opa capabilities failed: ${stdout}${stderr}`.trimEnd())
  const all = capabilities.parse(JSON.parse(stdout))
  return JSON.stringify({ ...all, builtins: all.builtins.filter(({ nondeterministic }) => nondeterministic !== true), allow_net: [] })
}
