import type { Place, RegoFile } from '../rego/ast.ts'

/** A rule of the lint about Rego: the same shape as those about documents. */
export interface RegoLintRule {
  id: string
  /** What it refuses, as the guide says it. */
  refuses: string
  check(library: RegoLibrary, report: RegoReport): void
}

export interface RegoLibrary {
  /** The modules of `gateway/`; tests may do what they like. */
  files: readonly RegoFile[]
  /** Functions that the module has, of `capabilities.json`. */
  functions: ReadonlySet<string>
  /** Codes that the gateway knows a reason by. */
  codes: ReadonlySet<string>
}

export type RegoReport = (file: RegoFile, place: Place | undefined, message: string) => void
