import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock, Dialer, Resolver } from '../../model/ports.ts'
import type { ToolDefinition } from '../../policy/definition.ts'
import { askDefinition, type Seen } from './served-definition.ts'

/** What the watch needs of a registered tool. */
export interface WatchedTool {
  /** Undefined: the tool is not pinned, and never drifts. */
  definition?: ToolDefinition | undefined
  endpoints: ReadonlyMap<string, WatchedEndpoint>
}

export interface WatchedEndpoint {
  region: string
  url: string
  host: { name: string } | { addresses: readonly string[] }
}

/** A pinned tool as it was seen last. `unknown`: for so long nothing could be read that what was seen before may no longer be true. */
export interface WatchStatus {
  tool: string
  state: 'matches' | 'drifted' | 'unseen' | 'unknown'
  /** Rounds without an answer, since the last one. */
  failures: number
  /** Milliseconds since the epoch; null before the first answer. */
  seenAtMs: number | null
}

/** Compares what pinned tools say of themselves with what the registry has pinned. */
export interface ToolWatch {
  /** From memory: the tool was last seen with another definition than the one that is pinned now. */
  drifted(tool: string): boolean
  status(): readonly WatchStatus[]
  /** Looks at every pinned tool once. Never rejects. */
  check(): Promise<void>
  /** Looks at once and then every interval, give or take a fifth. @returns ends it, after the round under way */
  start(intervalMs: number): () => Promise<void>
}

export type WatchEvent = { event: 'tool_drifted' | 'tool_restored' | 'tool_unknown'; tool: string; endpoint: string; detail?: string }

export interface ToolWatchOptions {
  /** The registry in force; empty while there is none. */
  tools: () => ReadonlyMap<string, WatchedTool>
  /** The endpoints of a tool that this region calls. */
  endpointsOf: (tool: WatchedTool) => readonly WatchedEndpoint[]
  resolver: Resolver
  dialer: Dialer
  clock: Clock
  log: (event: WatchEvent) => void
  /** Default: Math.random. */
  random?: () => number
}

/** Rounds without an answer after which a tool's state is called unknown. */
const FAILURES_MAX = 5
/** Tools that are asked at once. */
const ABREAST = 8
const JITTER = 0.2

interface Watched {
  tool: string
  seen: Seen | undefined
  seenAtMs: number | null
  failures: number
  /** What the log was last told. */
  told: WatchStatus['state']
}

/**
 * A definition is asked for like any call: name resolved once, every address checked, connection pinned, size and time bounded, no redirect
 * followed. What is served and differs, or is no definition, is drift; a tool that does not answer keeps the state it was last seen in.
 */
export function createToolWatch(options: ToolWatchOptions): ToolWatch {
  const { tools, endpointsOf, clock, log, random = Math.random } = options
  // By endpoint URL and path: another pin in a new bundle is compared with what was seen, not fetched first.
  const watched = new Map<string, Watched>()

  const statesOf = (tool: string): { entry: Watched; state: WatchStatus['state'] }[] => {
    const registered = tools().get(tool)
    const { definition } = registered ?? {}
    if (registered === undefined || definition === undefined) return []
    return endpointsOf(registered).flatMap((endpoint) => {
      const entry = watched.get(definitionUrl(endpoint, definition))
      return entry === undefined ? [] : [{ entry, state: stateOf(entry, definition) }]
    })
  }

  const look = async ({ tool, endpoint, definition }: Target): Promise<void> => {
    const url = definitionUrl(endpoint, definition)
    const entry = watched.get(url) ?? { tool, seen: undefined, seenAtMs: null, failures: 0, told: 'unseen' }
    watched.set(url, entry)
    const answer = await askDefinition(new URL(url), endpoint.host, options)
    if ('failure' in answer) entry.failures++
    else Object.assign(entry, { seen: answer, seenAtMs: clock.now(), failures: 0 })
    tell(entry, endpoint.region, stateOf(entry, definition), 'failure' in answer ? answer.failure : undefined)
  }

  const tell = (entry: Watched, endpoint: string, state: WatchStatus['state'], failure: string | undefined) => {
    if (entry.told === state) return
    const { tool, told } = entry
    entry.told = state
    const fault = entry.seen !== undefined && 'fault' in entry.seen ? entry.seen.fault : undefined
    if (state === 'drifted') log({ event: 'tool_drifted', tool, endpoint, ...(fault !== undefined && { detail: fault }) })
    else if (state === 'unknown') log({ event: 'tool_unknown', tool, endpoint, ...(failure !== undefined && { detail: failure }) })
    else if (told !== 'unseen') log({ event: 'tool_restored', tool, endpoint })
  }

  const check = async () => {
    const targets = [...targetsOf(tools(), endpointsOf)]
    const current = new Set(targets.map(({ endpoint, definition }) => definitionUrl(endpoint, definition)))
    for (const url of watched.keys()) if (!current.has(url)) watched.delete(url)
    while (targets.length > 0) await Promise.all(targets.splice(0, ABREAST).map(look))
  }

  return {
    drifted: (tool) => statesOf(tool).some(({ state }) => state === 'drifted'),
    status: () =>
      [...tools().keys()].flatMap((tool) =>
        statesOf(tool).map(({ entry, state }) => ({ tool, state, failures: entry.failures, seenAtMs: entry.seenAtMs })),
      ),
    check,
    start(intervalMs) {
      const stopped = new AbortController()
      const run = async () => {
        while (!stopped.signal.aborted) {
          await check()
          await nap(intervalMs * (1 - JITTER + 2 * JITTER * random()), stopped.signal)
        }
      }
      const running = run()
      return () => {
        stopped.abort()
        return running
      }
    },
  }
}

/**
 * The endpoint of a tool that calls of a region go to: its own, else another one of its zone, else the first anywhere.
 * @param zones regions by zone
 */
export function endpointsHere(
  { endpoints }: WatchedTool,
  { region, zone }: { region: string; zone: string },
  zones: Readonly<Record<string, readonly string[]>>,
): readonly WatchedEndpoint[] {
  const inZone = zones[zone]?.find((candidate) => endpoints.has(candidate))
  const used = endpoints.get(region) ?? (inZone === undefined ? undefined : endpoints.get(inZone)) ?? endpoints.values().next().value
  return used === undefined ? [] : [used]
}

interface Target {
  tool: string
  endpoint: WatchedEndpoint
  definition: ToolDefinition
}

function* targetsOf(tools: ReadonlyMap<string, WatchedTool>, endpointsOf: ToolWatchOptions['endpointsOf']): Generator<Target> {
  for (const [tool, registered] of tools) {
    const { definition } = registered
    if (definition !== undefined) for (const endpoint of endpointsOf(registered)) yield { tool, endpoint, definition }
  }
}

const definitionUrl = ({ url }: WatchedEndpoint, { path }: ToolDefinition) => url.replace(/\/$/, '') + path

function stateOf({ seen, failures }: Watched, { sha256 }: ToolDefinition): WatchStatus['state'] {
  if (seen !== undefined && ('fault' in seen || seen.sha256 !== sha256)) return 'drifted'
  if (failures >= FAILURES_MAX) return 'unknown'
  return seen === undefined ? 'unseen' : 'matches'
}

/** Ends early, and quietly, when the watch does. */
async function nap(durationMs: number, signal: AbortSignal): Promise<void> {
  await sleep(durationMs, undefined, { signal, ref: false }).catch(() => {})
}
