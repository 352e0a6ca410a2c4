import { describe, test } from '@jest/globals'

/**
 * `describe` for tests that need a tool from beyond npm. Without the tool they are skipped and say so; where CI is set they
 * fail instead, unless AEGIS_MAY_SKIP names the tool. `npm run test:full` fetches the tools and says where they are.
 */
export function suiteNeeding(tool: string, found: string | undefined): (name: string, tests: () => void) => void {
  if (found !== undefined) return describe
  const maySkip = !process.env.CI || (process.env.AEGIS_MAY_SKIP ?? '').split(',').includes(tool)
  if (!maySkip)
    return (name) => describe(name, () => test('has its tool', () => Promise.reject(new Error(`${tool} is not on this machine`))))
  console.warn(`SKIPPED ${tool}: it is not on this machine; npm run test:full fetches it where it can`)
  return describe.skip
}
