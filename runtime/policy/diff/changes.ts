import type { Documents } from '../documents.ts'
import type { Sources } from '../sources.ts'
import { agentChanges } from './agents.ts'
import type { Change } from './change.ts'
import { classChanges } from './classes.ts'
import { toolChanges } from './tools.ts'

type Compared = Pick<Documents, 'agents' | 'tools' | 'classes'>

/**
 * What changes from one revision's documents to another's, for somebody who has to agree to it. Empty exactly when agents, tools and data
 * classes are equal; in which files and in which order agents stand makes no difference, nor do tenants, which no revision holds.
 */
export function describeChanges(before: Compared, after: Compared): Change[] {
  return [
    ...agentChanges(before.agents, after.agents),
    ...toolChanges(before.tools, after.tools),
    ...classChanges(before.classes, after.classes),
  ]
}

/** Which files of the library changed. What that means for calls is for the patch to say, and for a replay. */
export function describeModuleChanges(before: Sources, after: Sources): Change[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].filter((path) => path.startsWith('modules/')).sort()
  return paths.flatMap((path): Change[] => {
    const [old, now] = [before.get(path), after.get(path)]
    if (old === now) return []
    const name = path.slice('modules/'.length)
    const judged = name.startsWith('gateway/') ? ', by which every call is judged' : ''
    const subject = `module ${name}`
    if (now === undefined) return [{ subject, kind: 'removed', text: `${name} is removed${judged}` }]
    if (old === undefined) return [{ subject, kind: 'added', text: `${name} is new${judged}` }]
    return [{ subject, kind: 'changed', text: `${name} changed${judged}` }]
  })
}
