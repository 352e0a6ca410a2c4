import { changed, grown, listed, namesOf, narrowed, own, quoted, type Said, same, widened } from './change.ts'

type Schema = Readonly<Record<string, unknown>>

/**
 * What changes in the arguments of an action.
 *
 * @param at JSON Pointer of the argument; empty for all of them, `/*` for the members of an array
 */
export function schemaChanges(act: string, before: Schema, after: Schema, at = ''): Said[] {
  const what = at === '' ? act : `${at} of ${act}`
  return namesOf(before, after).flatMap((keyword) => {
    const [old, now] = [own(before, keyword), own(after, keyword)]
    if (same(old, now)) return []
    switch (keyword) {
      case 'properties':
        return propertyChanges(act, asSchema(old), asSchema(now), at)
      case 'items':
        return isSchema(old) && isSchema(now) ? schemaChanges(act, old, now, `${at}/*`) : [plain(what, keyword, old, now)]
      case 'required':
        return setChanges(old, now, {
          more: (names) => narrowed(`${what} now requires ${names}`),
          less: (names) => widened(`${what} no longer requires ${names}`),
        })
      case 'enum':
        if (!Array.isArray(old) || !Array.isArray(now)) return [grown(now === undefined ? 1 : -1, plain(what, keyword, old, now).text)]
        return setChanges(old, now, {
          more: (values) => widened(`${what} may now be ${values} too`),
          less: (values) => narrowed(`${what} may no longer be ${values}`),
        })
      default:
        return [plain(what, keyword, old, now)]
    }
  })
}

function propertyChanges(act: string, before: Schema, after: Schema, at: string): Said[] {
  return namesOf(before, after).flatMap((name): Said[] => {
    const pointer = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const [old, now] = [own(before, name), own(after, name)]
    if (now === undefined) return [narrowed(`${act} no longer takes ${pointer}`)]
    if (old === undefined) return [widened(`${act} now takes ${pointer}: ${quoted(now)}`)]
    return schemaChanges(act, asSchema(old), asSchema(now), pointer)
  })
}

/** A keyword with its values. Whether calls have more room is plain to see for the upper and lower bounds alone. */
function plain(what: string, keyword: string, old: unknown, now: unknown): Said {
  const text = `${what}: ${keyword} is now ${now === undefined ? 'not said' : quoted(now)}, was ${old === undefined ? 'not said' : quoted(old)}`
  const upper = keyword.startsWith('max')
  if (!upper && !keyword.startsWith('min')) return changed(text)
  const bound = (value: unknown) => (typeof value === 'number' ? value : upper ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY)
  const more = bound(now) > bound(old) ? 1 : -1
  return grown(upper ? more : -more, text)
}

function setChanges(old: unknown, now: unknown, say: { more: (names: string) => Said; less: (names: string) => Said }): Said[] {
  const [before, after] = [asList(old), asList(now)]
  const come = after.filter((value) => !before.some((other) => same(other, value)))
  const gone = before.filter((value) => !after.some((other) => same(other, value)))
  return [
    ...(come.length === 0 ? [] : [say.more(listed(come.map(quoted)))]),
    ...(gone.length === 0 ? [] : [say.less(listed(gone.map(quoted)))]),
  ]
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const asSchema = (value: unknown): Schema => (isSchema(value) ? value : {})

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
