import { type AgentDocument, agentDocument, agentIds } from './agent-document.ts'
import { checkAgent } from './check-agent.ts'
import { type ClassesDocument, checkClasses, classesDocument } from './class-document.ts'
import { checkTools, compileTools, type ToolsDocument, toolsDocument } from './registry.ts'
import type { Sources } from './sources.ts'
import { type DocumentFault, type Path, readYaml, type YamlFile } from './yaml-file.ts'

/** The YAML of one revision, read. Each file still knows where its values stand. */
export interface DocumentFiles {
  tools: YamlFile<ToolsDocument>
  classes: YamlFile<ClassesDocument> | undefined
  agents: readonly YamlFile<AgentDocument>[]
}

/** A text, and how faults call it. */
export interface NamedText {
  name: string
  text: string
}

export interface DocumentTexts {
  tools: NamedText
  classes: NamedText | undefined
  agents: readonly NamedText[]
}

export function readDocumentFiles({ tools, classes, agents }: DocumentTexts): DocumentFiles {
  return {
    tools: readYaml(tools.text, tools.name, toolsDocument),
    classes: classes === undefined ? undefined : readYaml(classes.text, classes.name, classesDocument),
    agents: agents.map(({ text, name }) => readYaml(text, name, agentDocument)),
  }
}

/** Which of the sources are documents, in the order of their paths. */
export function textsFrom(sources: Sources): DocumentTexts {
  const named = (name: string): NamedText | undefined => {
    const text = sources.get(name)
    return text === undefined ? undefined : { name, text }
  }
  const agents = [...sources.keys()].filter((path) => path.startsWith('documents/agents/')).sort()
  return {
    tools: named('documents/tools.yaml') ?? { name: 'documents/tools.yaml', text: '' },
    classes: named('documents/classes.yaml'),
    agents: agents.flatMap((path) => named(path) ?? []),
  }
}

/** What is wrong in each file by itself, and between tools and data classes. Beside such faults every agent would look wrong. */
export function faultsOfShape({ tools, classes, agents }: DocumentFiles): DocumentFault[] {
  const faults = [tools, classes, ...agents].flatMap((file) => file?.faults ?? [])
  if (classes?.value !== undefined) checkClasses(classes.value, into(faults, classes))
  if (tools.value !== undefined) checkTools(tools.value, declaredIn(classes), into(faults, tools))
  return faults
}

/** What is wrong in agents' documents beside tenants, tools and data classes. For files without faults of shape. */
export function faultsOfAgents(
  { tools, classes, agents }: DocumentFiles,
  { ids, declaredIn: tenantsIn }: { ids: ReadonlySet<string>; declaredIn: string },
): DocumentFault[] {
  const surroundings = { tenants: ids, tenantsIn, registry: compileTools(tools.value ?? {}), classes: declaredIn(classes) }
  const faults: DocumentFault[] = []
  for (const file of agents) {
    if (file.value !== undefined) checkAgent(file.value, surroundings, into(faults, file))
  }
  return [...faults, ...repeatedAgents(agents)]
}

/** Data classes of the deployment's own. */
export function declaredIn(classes: DocumentFiles['classes']): ReadonlySet<string> {
  return new Set(Object.keys(classes?.value ?? {}))
}

export function into(faults: DocumentFault[], file: YamlFile<unknown>): (path: Path, message: string) => void {
  return (path, message) => faults.push(file.fault(path, message))
}

/** Two documents for one agent: which of them holds must not depend on the order of files. */
function repeatedAgents(files: readonly YamlFile<AgentDocument>[]): DocumentFault[] {
  const seen = new Set<string>()
  return files.flatMap(({ value, fault }) => {
    if (value === undefined) return []
    const repeated = agentIds(value).filter((id) => seen.has(id) || !seen.add(id))
    return repeated.map((id) => fault([value.agents === undefined ? 'agent' : 'agents'], `there is another document for agent ${id}`))
  })
}
