import type { Clock } from '../model/ports.ts'
import type { CompiledPolicy } from '../policy/compiler.ts'
import { PolicyRefusedError } from '../policy/refused.ts'
import { checkedSources, type Sources } from '../policy/sources.ts'
import type { DirectoryState } from './directory/state.ts'
import { PlaneError } from './errors.ts'
import type { Kernel } from './kernel.ts'
import type { Registry, RevisionRecord } from './store/registry.ts'

export interface RegisterOrder {
  /** Text by path. */
  files: Readonly<Record<string, string>>
  author: string
  reason: string
  commit: string | null
}

export interface RegistrationOptions {
  kernel: Kernel
  registry: Registry
  directory: () => Promise<DirectoryState>
  /** Checks, compiles and builds. @throws PolicyRefusedError */
  compile: (sources: Sources, directory: DirectoryState) => Promise<CompiledPolicy>
  clock: Clock
  log: (event: object) => void
}

/** Takes in what authors write: it becomes a revision when everything holds, and leaves no trace when it does not. */
export interface Registration {
  /**
   * @returns the revision; `known` when it was registered before, by whomever; what these very sources were checked by, which may be others than
   *   those that it was registered with: a comment in Rego makes no revision.
   * @throws PlaneError policy_refused, with its faults
   */
  register(order: RegisterOrder): Promise<{ record: RevisionRecord; known: boolean; checks: RevisionRecord['checks'] }>
  /** Checks alone. @throws PlaneError policy_refused */
  check(files: RegisterOrder['files']): Promise<{ sources: Sources; compiled: CompiledPolicy }>
  /** Why the last attempt was refused; undefined when it was not. */
  refused(): string | undefined
}

export function createRegistration({ kernel, registry, directory, compile, clock, log }: RegistrationOptions): Registration {
  let refused: string | undefined

  const check = async (files: RegisterOrder['files']) => {
    try {
      const sources = checkedSources(files)
      return { sources, compiled: await compile(sources, await directory()) }
    } catch (error) {
      if (!(error instanceof PolicyRefusedError)) throw error
      throw new PlaneError('policy_refused', error.message, { faults: error.faults }, { cause: error })
    }
  }

  return {
    async register({ files, author, reason, commit }) {
      let checked: Awaited<ReturnType<typeof check>>
      try {
        checked = await check(files)
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error)
        // A start over a folder that does not hold is tried again and again.
        if (detail !== refused) log({ event: 'refused', by: author, detail })
        refused = detail
        throw error
      }
      refused = undefined
      const { sources, compiled } = checked
      const { revision, checks, modules } = compiled
      const about = { revision, author, atMs: clock.now(), reason, commit, checks: [...checks] }
      const { record, known } = await registry.add(about, sources, modules)
      if (!known) {
        await kernel.insist(async (state) => ({
          act: { by: author, kind: 'registered', reason, facts: { revision, commit } },
          state,
          result: undefined,
        }))
      }
      return { record, known, checks: about.checks }
    },
    check,
    refused: () => refused,
  }
}
