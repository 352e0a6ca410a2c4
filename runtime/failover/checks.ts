import type { FabricControl } from './faults/control.ts'
import type { Check } from './runbook-schema.ts'

/** Looks at the running system. @returns what does not hold, or undefined */
export async function checkFault(check: Check, fabric: Pick<FabricControl, 'health' | 'dnsAnswer' | 'names'>): Promise<string | undefined> {
  if (check.check === 'health') {
    const states = await fabric.health()
    const about = check.region === 'every' ? states : states.filter(({ region }) => region === check.region)
    if (about.length === 0) return `${check.region} has no health check`
    const other = about.find(({ state }) => state !== check.state)
    return other === undefined ? undefined : `the health check of ${other.region} says ${other.state}, not ${check.state}`
  }
  const regions = await fabric.dnsAnswer(fabric.names[check.name] ?? '', check.place)
  const answer = `${check.name} asked from ${check.place} answers ${regions.join(', ') || 'nothing'}`
  if (check.with !== undefined) return regions.includes(check.with) ? undefined : `${answer}, not ${check.with}`
  if (regions.length === 0) return answer
  return check.without !== undefined && regions.includes(check.without) ? `${answer}, still` : undefined
}
