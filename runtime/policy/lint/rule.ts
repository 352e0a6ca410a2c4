import type { Tenant } from '../../model/zones.ts'
import type { AgentDocument } from '../agent-document.ts'
import type { Registry } from '../compile.ts'
import type { Path } from '../yaml-file.ts'

/** A rule of the lint, one a file: what it is called, what it refuses, and how it finds that. */
export interface DocumentRule {
  /** In hyphens. Faults end with it, and docs/policy-guide.md explains it. */
  id: string
  /** What it refuses, as the guide says it: half a sentence, without full stop. */
  refuses: string
  /** Asked for each agent's document. `path`s are into that file. */
  agent?(subject: AgentSubject, report: Report): void
  /** Asked once. `path`s are into `tools.yaml`. */
  tools?(subject: LintSubject, report: Report): void
}

/** Says where, what is wrong, and what to do. */
export type Report = (path: Path, message: string) => void

/** Documents that have their shape and agree with each other on names, beside what they will meet. */
export interface LintSubject {
  registry: Registry
  documents: readonly AgentDocument[]
  tenants: ReadonlyMap<string, Tenant>
  /** Regions by zone, of the deployment. */
  zones: Readonly<Record<string, readonly string[]>>
  deployedHosts: DeployedHosts
}

export interface AgentSubject extends LintSubject {
  document: AgentDocument
}

/** Hosts that gateways can reach, as deployed; `*.x` stands for every name below. Undefined where nobody knows. */
export type DeployedHosts = readonly { region: string; stack: string; hosts: readonly string[] }[] | undefined
