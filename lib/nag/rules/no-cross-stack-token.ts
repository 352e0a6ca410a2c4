import { isList, isObject, type Json } from '../resource.ts'
import type { Rule } from '../rule.ts'

const TOKENS = ['Fn::ImportValue', 'Fn::GetStackOutput']

export const noCrossStackToken: Rule = {
  id: 'NoCrossStackToken',
  info: 'A stack waits for a value of another stack.',
  explanation:
    'An imported value cannot change while somebody imports it, and one of another region takes a Lambda in both and fails when that region is away. Stacks share names from config (docs/adr/0002); an id that AWS makes up goes by a parameter of the same region.',
  check({ type, properties }) {
    return [...(type.startsWith('Custom::CrossRegion') ? [type] : []), ...tokensIn(properties)]
  },
}

function tokensIn(value: Json): string[] {
  if (isList(value)) return value.flatMap((item) => tokensIn(item))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, inner]) => [...(TOKENS.includes(key) ? [key] : []), ...tokensIn(inner)])
}
