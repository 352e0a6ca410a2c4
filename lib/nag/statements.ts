import { isList, isObject, type Json, type JsonObject, objects } from './resource.ts'

/** A statement of a policy document. */
export interface Statement {
  readonly allows: boolean
  readonly actions: readonly Json[]
  readonly resources: readonly Json[]
  readonly body: JsonObject
}

/** The statements of every policy document in a value, wherever it is: no list of types has to know where AWS puts them. */
export function statementsIn(value: Json): Statement[] {
  if (isList(value)) return value.flatMap((item) => statementsIn(item))
  if (typeof value === 'string') return value.includes('"Statement"') ? statementsIn(parsed(value)) : []
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'Statement' ? objects(inner).flatMap(eitherOf).map(statement) : statementsIn(inner),
  )
}

/** Both branches of a condition: which one it will be, nobody knows at synth. */
function eitherOf(body: JsonObject): JsonObject[] {
  return isList(body['Fn::If']) ? objects(body['Fn::If']).flatMap(eitherOf) : [body]
}

function statement(body: JsonObject): Statement {
  return { allows: body.Effect !== 'Deny', actions: listed(body.Action), resources: listed(body.Resource), body }
}

function listed(value: Json): readonly Json[] {
  if (value === undefined) return []
  return isList(value) ? value : [value]
}

/** Some resources take a policy as text. */
function parsed(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
