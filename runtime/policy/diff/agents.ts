import { type AgentDocument, agentIds, budgetOf, durationSeconds } from '../agent-document.ts'
import { allowedChanges } from './allowed.ts'
import { type Change, changed, grown, listed, narrowed, removed, type Said, saidOf, widened } from './change.ts'
import { dataChanges } from './data.ts'
import { chainChanges, egressChanges } from './lists.ts'
import { money } from './money.ts'

/** What changes for each agent, whichever document says it. Agents of one document that stay together are spoken of together. */
export function agentChanges(before: readonly AgentDocument[], after: readonly AgentDocument[]): Change[] {
  const old = byAgent(before)
  const now = byAgent(after)
  const groups = new Map<string, { ids: string[]; from: AgentDocument | undefined; to: AgentDocument | undefined }>()
  for (const id of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    const from = old.get(id)
    const to = now.get(id)
    const key = `${from === undefined ? '' : before.indexOf(from)}:${to === undefined ? '' : after.indexOf(to)}`
    const group = groups.get(key) ?? { ids: [], from, to }
    group.ids.push(id)
    groups.set(key, group)
  }
  return [...groups.values()].flatMap(({ ids, from, to }) => {
    const subject = `${ids.length === 1 ? 'agent' : 'agents'} ${ids.join(', ')}`
    return documentChanges(who(ids), from, to).map((said) => ({ subject, ...said }))
  })
}

function byAgent(documents: readonly AgentDocument[]): Map<string, AgentDocument> {
  return new Map(documents.flatMap((document) => agentIds(document).map((id) => [id, document] as const)))
}

function who(ids: readonly string[]): string {
  return ids.length <= 3 ? listed(ids) : `${ids.slice(0, 2).join(', ')} and ${ids.length - 2} more agents`
}

function documentChanges(name: string, from: AgentDocument | undefined, to: AgentDocument | undefined): Said[] {
  if (to === undefined) return [removed(`${name}: no document any more, so every call is denied`)]
  if (from !== undefined) return [...fieldChanges(name, from, to), ...groupChanges(name, from, to)]
  const mode = to.mode === 'shadow' ? ', on trial in shadow mode' : ''
  return [{ kind: 'added', text: `${name}: new, for tenant ${to.tenant}${mode}` }, ...fieldChanges(name, blank(to), to)]
}

/** A document that allows nothing: what a new one is compared with. */
function blank({ tenant, mode, agent, agents }: AgentDocument): AgentDocument {
  const approvals = { min_approvers: 1, ttl: '15m' }
  return { agent, agents, tenant, mode, allowed_tools: {}, data: {}, egress: [], approvals, chain: [] }
}

type Field = Exclude<keyof AgentDocument, 'agent' | 'agents'>

/** One describer a field. A field that has none does not compile. */
const FIELDS: { [F in Field]: (name: string, from: AgentDocument, to: AgentDocument) => Said[] } = {
  tenant: (name, from, to) => [changed(`${name}: calls are now for tenant ${to.tenant}, were for ${from.tenant}`)],
  zone: (name, from, to) => [changed(`${name}: the document now says zone ${to.zone ?? 'nothing'}, said ${from.zone ?? 'nothing'}`)],
  mode: (name, _, { mode }) => [
    mode === 'shadow'
      ? widened(`${name}: now in shadow mode, so what only the document refuses is let through`)
      : narrowed(`${name}: no longer in shadow mode, so what the document refuses is refused`),
  ],
  allowed_tools: (name, from, to) => allowedChanges(name, from.allowed_tools, to.allowed_tools),
  data: (name, from, to) => dataChanges(name, from.data, to.data),
  egress: (name, from, to) => egressChanges(name, from.egress, to.egress),
  approvals: (name, { approvals: from }, { approvals: to }) => [
    ...(from.min_approvers === to.min_approvers
      ? []
      : [
          grown(
            from.min_approvers - to.min_approvers,
            `${name}: ${people(to.min_approvers)} must now agree to what needs approval, was ${from.min_approvers}`,
          ),
        ]),
    ...(durationSeconds(from.ttl) === durationSeconds(to.ttl)
      ? []
      : [changed(`${name}: what needs approval now waits ${to.ttl} for an answer, was ${from.ttl}`)]),
  ],
  chain: (name, from, to) => chainChanges(name, from.chain, to.chain),
  budget: (name, from, to) => budgetChanges(name, from, to),
}

function fieldChanges(name: string, from: AgentDocument, to: AgentDocument): Said[] {
  return (Object.keys(FIELDS) as Field[]).flatMap((field) =>
    saidOf(`${name}: ${field}`, from[field], to[field], () => FIELDS[field](name, from, to)),
  )
}

/** Who shares the document: of those that are there before and after, as arrivals and departures are told for themselves. */
function groupChanges(name: string, from: AgentDocument, to: AgentDocument): Said[] {
  const before = [from.agent, from.agents]
  const after = [to.agent, to.agents]
  return saidOf(`${name}: the list of agents of the document`, before, after, () => {
    const [old, now] = [agentIds(from), agentIds(to)]
    if (old.length === now.length && old.every((id) => now.includes(id))) return []
    return [changed(`${name}: the document is now for ${listed(now)}, was for ${listed(old)}`)]
  })
}

function budgetChanges(name: string, from: AgentDocument, to: AgentDocument): Said[] {
  const old = budgetOf(from)
  const now = budgetOf(to)
  if (old === null && now === null) return []
  if (now === null) return [widened(`${name}: no budget any more, was ${spent(old)}`)]
  if (old === null) return [narrowed(`${name}: may now spend ${spent(now)}, had no budget`)]
  const text = `${name}: may now spend ${spent(now)}, was ${spent(old)}`
  return [old.unit === now.unit ? grown(now.amount - old.amount, text) : changed(text)]
}

function spent(budget: ReturnType<typeof budgetOf>): string {
  if (budget === null) return 'without limit'
  const { amount, unit, period } = budget
  return `${unit === 'calls' || unit === 'tokens' ? `${amount} ${unit}` : money(amount, unit)} a ${period}`
}

const people = (count: number) => (count === 1 ? '1 person' : `${count} people`)
