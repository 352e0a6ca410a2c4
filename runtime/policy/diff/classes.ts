import type { BundledClass } from '../class-document.ts'
import { added, type Change, changed, listed, namesOf, own, quoted, removed, type Said, saidOf } from './change.ts'

type Classes = Readonly<Record<string, BundledClass>>

/** What changes in the data classes of a deployment's own. */
export function classChanges(before: Classes, after: Classes): Change[] {
  return namesOf(before, after).flatMap((name) =>
    oneClass(name, own(before, name), own(after, name)).map((said) => ({ subject: `data class ${name}`, ...said })),
  )
}

function oneClass(name: string, from: BundledClass | undefined, to: BundledClass | undefined): Said[] {
  if (to === undefined) return [removed(`${name} is no data class any more: nothing looks for it`)]
  if (from === undefined)
    return [added(`${name} is a new data class, found by ${to.pattern === undefined ? 'a recognizer' : quoted(to.pattern)}${how(to)}`)]
  return (Object.keys(FIELDS) as (keyof BundledClass)[]).flatMap((key) =>
    saidOf(`${key} of ${name}`, from[key], to[key], () => FIELDS[key](name, from, to)),
  )
}

const FIELDS: { [K in keyof Required<BundledClass>]: (name: string, from: BundledClass, to: BundledClass) => Said[] } = {
  pattern: (name, from, to) => [
    changed(
      `${name} is now found by ${to.pattern === undefined ? 'a recognizer' : quoted(to.pattern)}, was ${from.pattern === undefined ? 'a recognizer' : quoted(from.pattern)}`,
    ),
  ],
  validator: (name, from, to) => [
    changed(`the check digits of ${name} are now by ${to.validator ?? 'no rule'}, was ${from.validator ?? 'no rule'}`),
  ],
  context: (name, { context: from = [] }, { context: to = [] }) => {
    const come = to.filter((word) => !from.includes(word))
    const gone = from.filter((word) => !to.includes(word))
    if (to.length === 0 && from.length > 0)
      return [changed(`${name} is now found beside any words, had to stand beside one of ${listed(gone)}`)]
    return [
      ...(come.length === 0 ? [] : [changed(`${name} is now found beside ${listed(come.map(quoted))} too`)]),
      ...(gone.length === 0 ? [] : [changed(`${name} is no longer found beside ${listed(gone.map(quoted))} alone`)]),
    ]
  },
}

function how({ validator, context }: BundledClass): string {
  return `${validator === undefined ? '' : `, with check digits by ${validator}`}${context === undefined ? '' : `, beside one of ${listed(context)}`}`
}
