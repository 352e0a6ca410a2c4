import type { BundledTool } from '../bundle-data.ts'
import {
  added,
  type Change,
  changed,
  grown,
  listed,
  namesOf,
  narrowed,
  own,
  quoted,
  removed,
  type Said,
  saidOf,
  widened,
} from './change.ts'
import { schemaChanges } from './schema.ts'

type Tools = Readonly<Record<string, BundledTool>>
type Action = BundledTool['actions'][string]

/** What changes in the registry. */
export function toolChanges(before: Tools, after: Tools): Change[] {
  return namesOf(before, after).flatMap((name) => {
    const subject = `tool ${name}`
    return oneTool(name, own(before, name), own(after, name)).map((said) => ({ subject, ...said }))
  })
}

function oneTool(name: string, from: BundledTool | undefined, to: BundledTool | undefined): Said[] {
  if (to === undefined) return [removed(`${name} is no longer registered, so every call of it is denied`)]
  if (from === undefined) {
    const at = Object.entries(to.endpoints).map(([region, url]) => `${url} in ${region}`)
    const actions = Object.entries(to.actions).map(([action, { effect, risk }]) => `${action} (${effect}, ${risk} risk)`)
    return [
      added(
        `${name} is new, ${at.length === 0 ? 'goes where its argument says' : `at ${listed(at)}`}, with ${listed(actions) || 'no action'}`,
      ),
    ]
  }
  return (Object.keys(TOOL) as (keyof BundledTool)[]).flatMap((key) =>
    saidOf(`${name}: ${key}`, from[key], to[key], () => TOOL[key](name, from, to)),
  )
}

/** One describer a field. A field that has none does not compile. */
const TOOL: { [K in keyof Required<BundledTool>]: (name: string, from: BundledTool, to: BundledTool) => Said[] } = {
  endpoints: (name, { endpoints: from }, { endpoints: to }) =>
    namesOf(from, to).flatMap((region): Said[] => {
      const [old, now] = [own(from, region), own(to, region)]
      if (old === now) return []
      if (now === undefined) return [removed(`${name} no longer has an endpoint in ${region}, was ${old}`)]
      if (old === undefined) return [added(`${name} now has an endpoint in ${region}: ${now}`)]
      return [changed(`${name} is now at ${now} in ${region}, was ${old}`)]
    }),
  credential_ref: (name, from, to) => [
    changed(`${name} is now called with the credentials ${quoted(to.credential_ref)}, was ${quoted(from.credential_ref)}`),
  ],
  definition: (name, { definition: from }, { definition: to }) => {
    if (to === undefined) return [widened(`${name} no longer has to serve the definition that was reviewed`)]
    if (from === undefined) return [narrowed(`${name} now has to serve the definition ${to.sha256.slice(0, 12)} at ${to.path}`)]
    return [
      changed(
        `${name} now has to serve the definition ${to.sha256.slice(0, 12)} at ${to.path}, was ${from.sha256.slice(0, 12)} at ${from.path}`,
      ),
    ]
  },
  actions: (name, { actions: from }, { actions: to }) =>
    namesOf(from, to).flatMap((action) => actionChanges(`${name}.${action}`, own(from, action), own(to, action))),
}

function actionChanges(act: string, from: Action | undefined, to: Action | undefined): Said[] {
  if (from === undefined && to === undefined) return []
  if (to === undefined) return [removed(`${act} is no longer registered, so every call of it is denied`)]
  if (from === undefined) return [added(`${act} is new (${to.effect}, ${to.risk} risk)`)]
  return (Object.keys(ACTION) as (keyof Action)[]).flatMap((key) =>
    saidOf(`${act}: ${key}`, from[key], to[key], () => ACTION[key](act, from, to)),
  )
}

const ACTION: { [K in keyof Action]: (act: string, from: Action, to: Action) => Said[] } = {
  effect: (act, from, to) => [changed(`${act} now counts as a ${to.effect}, was a ${from.effect}`)],
  risk: (act, from, to) => [changed(`${act} is now of ${to.risk} risk, was ${from.risk}`)],
  idempotent: (act, _, to) => [
    changed(to.idempotent ? `${act} now acts once on one idempotency key` : `${act} no longer acts once on one idempotency key`),
  ],
  schema: (act, from, to) => schemaChanges(act, from.schema, to.schema),
  roles: (act, from, to) => roleChanges(act, from.roles, to.roles),
  policy_reads: (act, from, to) => {
    const come = to.policy_reads.filter((at) => !from.policy_reads.includes(at))
    const gone = from.policy_reads.filter((at) => !to.policy_reads.includes(at))
    return [
      ...(come.length === 0 ? [] : [changed(`policy now sees ${listed(come)} of ${act}`)]),
      ...(gone.length === 0 ? [] : [changed(`policy no longer sees ${listed(gone)} of ${act}`)]),
    ]
  },
}

function roleChanges(act: string, from: Action['roles'], to: Action['roles']): Said[] {
  const { recipient: old, ...before } = from
  const { recipient: now, ...after } = to
  const at = { ...before, recipient: old?.at } as Record<string, string | undefined>
  const is = { ...after, recipient: now?.at } as Record<string, string | undefined>
  const moved = namesOf(at, is).flatMap((role): Said[] => {
    const [was, wants] = [at[role], is[role]]
    return was === wants
      ? []
      : [changed(`the ${role} of ${act} is now ${wants ?? 'named by no argument'}, was ${was ?? 'named by no argument'}`)]
  })
  const [had, has] = [new Set(old?.classes), new Set(now?.classes)]
  const more = [...has].filter((cls) => !had.has(cls))
  const less = [...had].filter((cls) => !has.has(cls))
  return [
    ...moved,
    ...(more.length === 0 ? [] : [grown(1, `the recipient of ${act} may now carry ${listed(more)} across zones`)]),
    ...(less.length === 0 ? [] : [grown(-1, `the recipient of ${act} may no longer carry ${listed(less)} across zones`)]),
  ]
}
