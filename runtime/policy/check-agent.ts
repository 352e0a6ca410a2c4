import { type ActionRule, type AgentDocument, budgetOf, type ChainRule, limitsOf } from './agent-document.ts'
import type { BundledTool } from './bundle-data.ts'
import { compileAgent, POLICY_BYTES_MAX, paramPointer, policyBytes, type Registry } from './compile.ts'
import { isDataClass } from './data-classes.ts'
import { schemaAt } from './registry.ts'
import type { Path } from './yaml-file.ts'

export interface Surroundings {
  tenants: ReadonlySet<string>
  /** Where tenants are declared, for the author who misses one. */
  tenantsIn: string
  registry: Registry
  /** Data classes that `classes.yaml` declares. */
  classes: ReadonlySet<string>
}

type Report = (path: Path, message: string) => void
type Action = BundledTool['actions'][string]

/** Faults of a document that only show beside the tenants and the registry: a rule about nothing is no rule. */
export function checkAgent(document: AgentDocument, { tenants, tenantsIn, registry, classes }: Surroundings, report: Report): void {
  let faults = 0
  const count: Report = (path, message) => {
    faults += 1
    report(path, message)
  }
  if (!tenants.has(document.tenant)) count(['tenant'], `there is no tenant ${document.tenant} in ${tenantsIn}`)
  for (const [tool, actions] of Object.entries(document.allowed_tools)) {
    for (const [name, rule] of Object.entries(actions)) {
      const path = ['allowed_tools', tool, name]
      const action = actionOf(registry, tool, name)
      if (action === undefined) count(path, `there is no ${tool}.${name} in tools.yaml`)
      else checkAction(rule, action, document, path, count)
    }
  }
  checkTokens(document, registry, count)
  for (const name of Object.keys(document.data)) {
    if (!isDataClass(name, classes))
      count(['data', name], `there is no data class ${name}; name a known one, or declare it in classes.yaml`)
    checkMethod(document, name, count)
  }
  document.chain.forEach((rule, index) => {
    checkChain(rule, registry, classes, (path, message) => count(['chain', index, ...path], message))
  })
  if (faults > 0) return
  const bytes = policyBytes(compileAgent(document, registry))
  if (bytes > POLICY_BYTES_MAX)
    report([], `compiles to ${bytes} bytes, at most ${POLICY_BYTES_MAX} travel with a call; split the agent's tasks over several agents`)
}

function checkAction(rule: ActionRule, action: Action, { budget }: AgentDocument, path: Path, report: Report): void {
  const { roles, schema, policy_reads } = action
  const limits = limitsOf(rule)
  if (roles.amount !== undefined && limits.length === 0) report(path, 'moves money and has no max_amount')
  if (roles.amount === undefined && limits.length > 0) report([...path, 'max_amount'], 'the registry names no amount for this action')
  const accepted = roles.currency === undefined ? undefined : schemaAt(schema, roles.currency)?.enum
  limits.forEach(({ currency }, index) => {
    const at = [...path, 'max_amount', ...(Array.isArray(rule.max_amount) ? [index] : []), 'currency']
    if (Array.isArray(accepted) && !accepted.includes(currency)) report(at, `the action takes ${accepted.join(', ')}, not ${currency}`)
    if (limits.findIndex((other) => other.currency === currency) !== index) report(at, `there is another limit in ${currency}`)
    if (budget !== undefined && 'currency' in budget && budget.currency !== currency)
      report(at, `the budget is in ${budget.currency}, so nothing could be spent in ${currency}`)
  })
  for (const name of Object.keys(rule.params ?? {})) {
    const at = paramPointer(name)
    if (schemaAt(schema, at) === undefined) report([...path, 'params', name], `the action has no argument ${at}`)
    else if (!policy_reads.some((read) => at === read || at.startsWith(`${read}/`)))
      report([...path, 'params', name], `policy does not see ${at}; list it in policy_reads of the action`)
  }
}

/** A budget that no call of the agent draws on holds back nothing. */
function checkTokens(document: AgentDocument, registry: Registry, report: Report): void {
  if (budgetOf(document)?.unit !== 'tokens') return
  const actions = Object.entries(document.allowed_tools).flatMap(([tool, rules]) =>
    Object.keys(rules).map((name) => actionOf(registry, tool, name)),
  )
  if (!actions.some((action) => action?.roles.tokens !== undefined))
    report(['budget', 'tokens'], 'no action of the agent has the role tokens in tools.yaml, so nothing would be counted')
}

function checkMethod({ data }: AgentDocument, name: string, report: Report): void {
  const rule = data[name]
  if (typeof rule === 'object' && rule.method !== undefined && rule.do !== 'sanitize')
    report(['data', name, 'method'], 'is only for do: sanitize')
}

function checkChain(rule: ChainRule, registry: Registry, classes: ReadonlySet<string>, report: Report): void {
  if ('count' in rule) {
    if (!isAction(rule.count, registry)) report(['count'], `there is no ${rule.count} in tools.yaml; write tool.action`)
    return
  }
  const { after, deny } = rule
  if (!Object.hasOwn(registry, after) && !isDataClass(after, classes)) report(['after'], `${after} is neither a tool nor a data class`)
  if (deny !== 'export' && deny !== 'write' && !Object.hasOwn(registry, deny) && !isAction(deny, registry))
    report(['deny'], `${deny} is neither export nor write nor a tool nor tool.action`)
}

function isAction(text: string, registry: Registry): boolean {
  const dot = text.indexOf('.')
  return dot > 0 && actionOf(registry, text.slice(0, dot), text.slice(dot + 1)) !== undefined
}

/** Own properties only: a document may spell a tool `constructor`. */
function actionOf(registry: Registry, tool: string, action: string): Action | undefined {
  const actions = Object.hasOwn(registry, tool) ? registry[tool]?.actions : undefined
  return actions !== undefined && Object.hasOwn(actions, action) ? actions[action] : undefined
}
