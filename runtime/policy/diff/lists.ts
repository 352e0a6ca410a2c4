import type { AgentDocument, ChainRule } from '../agent-document.ts'
import { changed, narrowed, type Said, widened } from './change.ts'

type Egress = AgentDocument['egress']

/** Hosts that an agent may reach. */
export function egressChanges(name: string, before: Egress, after: Egress): Said[] {
  const [old, now] = [zonesByHost(before), zonesByHost(after)]
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((host): Said[] => {
    const [from, to] = [old.get(host), now.get(host)]
    if (from === to) return []
    if (to === undefined) return [narrowed(`${name} may no longer reach ${host}`)]
    if (from === undefined) return [widened(`${name} may now reach ${host}, ${to}`)]
    return [changed(`${name}: ${host} is now ${to}, was ${from}`)]
  })
}

function zonesByHost(egress: Egress): Map<string, string> {
  const zones = Map.groupBy(egress, ({ host }) => host)
  return new Map(
    [...zones].map(([host, entries]) => {
      const said = entries.map(({ zone }) => (zone === undefined ? 'outside every zone' : `in zone ${zone}`))
      return [host, said.sort().join(' and ')]
    }),
  )
}

/** Rules about what was done before, each in a sentence: those that come and those that go. */
export function chainChanges(name: string, before: readonly ChainRule[], after: readonly ChainRule[]): Said[] {
  const key = (rule: ChainRule) => ('count' in rule ? `${rule.count} ${rule.from} ${rule.do}` : `${rule.after} > ${rule.deny}`)
  const gone = before.filter((rule) => !after.some((other) => key(other) === key(rule)))
  const come = after.filter((rule) => !before.some((other) => key(other) === key(rule)))
  return [
    ...come.map((rule) => narrowed(`${name}: ${sentence(rule, 'now')}`)),
    ...gone.map((rule) => widened(`${name}: ${sentence(rule, 'no longer')}`)),
  ]
}

function sentence(rule: ChainRule, when: 'now' | 'no longer'): string {
  if ('count' in rule) {
    const does =
      rule.do === 'deny' ? `is ${when} denied` : when === 'now' ? 'now needs a person to agree' : 'no longer needs a person to agree'
    return `${rule.count} ${does} from call ${rule.from} of a chain on`
  }
  const target = rule.deny === 'export' ? 'what leaves the zone' : rule.deny === 'write' ? 'whatever writes' : rule.deny
  return `after ${rule.after}, ${target} is ${when} denied`
}
