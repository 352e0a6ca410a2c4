import { isDeepStrictEqual } from 'node:util'
import type { Stage } from '../../../config/stages.ts'
import type { Clock } from '../../model/ports.ts'
import type { AgentDocument } from '../../policy/agent-document.ts'
import { bundleData, type Documents } from '../../policy/documents.ts'
import type { Kernel } from '../kernel.ts'
import type { Releases } from '../releases.ts'
import type { Ledger } from '../store/ledger.ts'
import type { PlaneState } from '../store/plane-state.ts'
import type { Shelf } from '../store/shelf.ts'
import { type DirectoryDesk, follow, type RecordedChange, type VersionedDirectory } from './desk.ts'
import { StaleDirectoryError } from './refusals.ts'
import { type DirectoryState, directoryState, emptyDirectory, tenantsOf } from './state.ts'

export interface KeeperOptions {
  kernel: Kernel
  ledger: Ledger
  shelf: Shelf
  releases: Releases
  zones: Readonly<Record<string, readonly string[]>>
  stage: Stage
  /** Signs what is served anew: a tenant that moves takes its documents along into other bundles. */
  resigned: (state: PlaneState, directory: DirectoryState) => Promise<PlaneState>
  clock: Clock
}

/** The directory in the ledger: its versions are entries, its contents an object by digest. */
export interface DirectoryKeeper extends DirectoryDesk {
  /** As the state of the control plane names it. */
  of(state: PlaneState): Promise<VersionedDirectory>
}

export function directoryKeeper({ kernel, ledger, shelf, releases, zones, stage, resigned, clock }: KeeperOptions): DirectoryKeeper {
  let known: VersionedDirectory & { digest: string | undefined } = { version: 0, state: emptyDirectory(), digest: undefined }

  const of = async ({ directory }: PlaneState): Promise<VersionedDirectory> => {
    if (directory === null) return { version: 0, state: emptyDirectory() }
    if (known.digest !== directory.digest || known.version !== directory.version) {
      const state = directoryState.parse(JSON.parse(Buffer.from(await shelf.get(directory.digest)).toString()))
      known = { ...directory, state }
    }
    return known
  }

  /** Of everything that serves or is about to. */
  const documentsOf = async (state: PlaneState, directory: DirectoryState): Promise<Documents[]> => {
    const revisions = [state.active?.revision, state.rollout?.revision].filter((one) => one !== undefined)
    return Promise.all(revisions.map((revision) => releases.documents(revision, directory)))
  }

  return {
    of,
    current: () => ({ version: known.version, state: known.state }),

    async change(order) {
      const changed = await kernel.act(async (state) => {
        const before = await of(state)
        if (order.expects !== before.version) throw new StaleDirectoryError({ expects: order.expects, version: before.version })
        const documents = await documentsOf(state, before.state)
        const agents: AgentDocument[] = documents.flatMap((one) => one.agents)
        const next = follow(before, order, { zones, stage, agents }, clock.now())
        if (next === undefined) return { result: before }
        const { version, state: after, recorded } = next
        const digest = await shelf.put(Buffer.from(JSON.stringify(directoryState.parse(after))))
        const kept: PlaneState = { ...state, directory: { version, digest } }
        const moves = documents.some((one) => !sameBundles(one, before.state, after, Object.keys(zones)))
        return {
          act: { by: order.by.sub, kind: 'directory_changed', reason: order.reason, facts: { version, recorded } },
          state: moves ? await resigned(kept, after) : kept,
          result: { version, state: after },
        }
      })
      // Whoever reads what they have just written must find it.
      await of(kernel.state())
      return changed
    },

    async changes(after) {
      const recorded = (await ledger.acts()).flatMap(({ facts }) =>
        facts.recorded === undefined ? [] : [facts.recorded as RecordedChange],
      )
      return recorded.filter(({ version }) => version > after)
    },
  }
}

/** Whether every zone's bundle holds the same documents by both directories. */
function sameBundles(documents: Documents, before: DirectoryState, after: DirectoryState, zones: readonly string[]): boolean {
  const beside = (directory: DirectoryState): Documents => ({ ...documents, tenants: tenantsOf(directory) })
  return zones.every((zone) => isDeepStrictEqual(bundleData(beside(before), zone), bundleData(beside(after), zone)))
}
