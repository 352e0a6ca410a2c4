import { regionsOf } from '../../../config/schema.ts'
import type { Resource, Synthesized } from '../synthesized.ts'

/** How a resource is called in AWS, where the template says so. */
const NAME = /^(Name|\w*Name|Family)$/

/**
 * A list of contents for each stack, for reading what a change does: types, logical ids and names. Not the properties, which the named
 * assertions of the other suites are about. Of the cells one, as they differ in nothing but names.
 */
export function contentsSuite({ deployment, templates }: Synthesized): void {
  const [first, ...others] = regionsOf(deployment).map(({ region }) => region)

  it.each([...templates.keys()].filter((stack) => !others.some((region) => stack.endsWith(`-${region}`))).toSorted())(
    '%s holds what it held',
    (stack) => {
      const resources = Object.entries(templates.get(stack)?.Resources ?? {})
      expect(resources.map(([id, resource]) => lineOf(id, resource)).toSorted()).toMatchSnapshot()
    },
  )

  it('is the same in every cell but for names', () => {
    for (const kind of ['keys', 'bundle-store', 'network', 'residency-store', 'gateway', 'drills']) {
      const types = (region: string) =>
        Object.entries(templates.get(`${deployment.name}-${deployment.environment}-${kind}-${region}`)?.Resources ?? {})
          .map(([, { Type }]) => Type)
          .toSorted()
      for (const region of others) expect([kind, region, types(region)]).toEqual([kind, region, types(first ?? '')])
    }
  })
}

function lineOf(id: string, { Type, Properties = {} }: Resource): string {
  const name = Object.entries(Properties).find(([property, value]) => NAME.test(property) && typeof value === 'string')?.[1]
  return [Type, id, name].filter((part) => part !== undefined).join(' ')
}
