import type { FabricControl, Publication } from './faults/control.ts'
import type { Check } from './runbook-schema.ts'

type Looked = Pick<FabricControl, 'health' | 'dnsAnswer' | 'names' | 'publication'>

/** Looks at the running system. @returns what does not hold, or undefined */
export async function checkFault(check: Check, fabric: Looked): Promise<string | undefined> {
  if (check.check === 'health') {
    const states = await fabric.health()
    const about = check.region === 'every' ? states : states.filter(({ region }) => region === check.region)
    if (about.length === 0) return `${check.region} has no health check`
    const other = about.find(({ state }) => state !== check.state)
    return other === undefined ? undefined : `the health check of ${other.region} says ${other.state}, not ${check.state}`
  }
  if (check.check === 'control-plane') {
    const state = (await fabric.publication()) === undefined ? 'down' : 'up'
    return state === check.state ? undefined : `the control plane is ${state}, not ${check.state}`
  }
  if (check.check === 'published') return publicationFault(await fabric.publication())
  const regions = await fabric.dnsAnswer(fabric.names[check.name] ?? '', check.place)
  const answer = `${check.name} asked from ${check.place} answers ${regions.join(', ') || 'nothing'}`
  if (check.with !== undefined) return regions.includes(check.with) ? undefined : `${answer}, not ${check.with}`
  if (regions.length === 0) return answer
  return check.without !== undefined && regions.includes(check.without) ? `${answer}, still` : undefined
}

function publicationFault(publication: Publication | undefined): string | undefined {
  if (publication === undefined) return 'the control plane does not answer'
  const { orderedSeq, regions } = publication
  if (orderedSeq === undefined) return 'nothing was published since the fault'
  const behind = regions.find(({ servedSeq }) => servedSeq === null || servedSeq < orderedSeq)
  if (behind === undefined) return undefined
  const { region, servedSeq, error } = behind
  return `${region} serves ${servedSeq ?? 'nothing that it tells of'}, not number ${orderedSeq}${error === null ? '' : ` (${error})`}`
}
