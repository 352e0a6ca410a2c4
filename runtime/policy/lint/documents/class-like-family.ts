import { isDeepStrictEqual } from 'node:util'
import { compileData } from '../../compile.ts'
import type { DocumentRule } from '../rule.ts'

/** `national_id` covers `national_id.de`, so a country with the same rule looks like an exception and is none. */
export const classLikeFamily: DocumentRule = {
  id: 'class-like-family',
  refuses: 'a rule for one data class that says just what the rule of its family says',
  agent({ document: { data } }, report) {
    for (const [name, rule] of Object.entries(data)) {
      const family = name.split('.')[0] ?? ''
      const general = family === name || !Object.hasOwn(data, family) ? undefined : data[family]
      if (general !== undefined && isDeepStrictEqual(compileData(rule), compileData(general)))
        report(['data', name], `says what ${family} says for it already; take it out, or say what is different`)
    }
  },
}
