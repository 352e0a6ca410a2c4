import { CfnElement, type CfnResource, Stack, Token } from 'aws-cdk-lib/core'

export type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/** Where a resource will be. An account or region that synth does not know is undefined, and then nothing counts as its own. */
export interface Place {
  readonly stackName: string
  readonly account: string | undefined
  readonly region: string | undefined
}

/** A resource as CloudFormation will get it: overrides and raw resources look no different from what a construct made. */
export interface Resource {
  readonly type: string
  readonly properties: JsonObject
  readonly place: Place
  /** Type of another resource of the same stack; undefined if there is none of this logical id. */
  typeOf(logicalId: string): string | undefined
}

export function readResource(node: CfnResource): Resource {
  const stack = Stack.of(node)
  // The template's own text, not the construct's properties: those do not know of `addPropertyOverride`.
  const { Resources = {} } = stack.resolve(node._toCloudFormation()) as { Resources?: Record<string, { Properties?: JsonObject }> }
  const properties = Object.values(Resources)[0]?.Properties ?? {}
  return {
    type: node.cfnResourceType,
    properties,
    place: { stackName: stack.stackName, account: literal(stack.account), region: literal(stack.region) },
    typeOf: (logicalId) => typesOf(stack).get(logicalId),
  }
}

const literal = (text: string) => (Token.isUnresolved(text) ? undefined : text)

const known = new WeakMap<Stack, Map<string, string>>()

/** Logical id -> type of every resource of a stack. */
function typesOf(stack: Stack): Map<string, string> {
  const types = known.get(stack) ?? new Map<string, string>()
  if (types.size > 0) return types
  for (const child of stack.node.findAll()) {
    if (CfnElement.isCfnElement(child) && child.stack === stack && 'cfnResourceType' in child)
      types.set(stack.resolve(child.logicalId), child.cfnResourceType as string)
  }
  known.set(stack, types)
  return types
}

/** Every text in a value, with the key that it stands under; items of a list have the key of the list. */
export function* textsIn(value: Json, key = ''): Generator<{ key: string; text: string }> {
  if (typeof value === 'string') yield { key, text: value }
  else if (isList(value)) for (const item of value) yield* textsIn(item, key)
  else if (isObject(value)) for (const [name, item] of Object.entries(value)) yield* textsIn(item, name)
}

/**
 * A value as one text: joins are joined, this stack's account and region are filled in. What only AWS knows becomes `<type>` of the
 * resource of this stack that it comes from, or `<?>` when it comes from elsewhere.
 */
export function textOf(value: Json, resource: Resource): string {
  if (value === undefined || value === null) return ''
  if (!isObject(value)) return isList(value) ? value.map((item) => textOf(item, resource)).join(',') : String(value)
  const { Ref: ref, 'Fn::GetAtt': attribute, 'Fn::Join': join, 'Fn::Sub': sub } = value
  if (typeof ref === 'string') return referred(ref, resource)
  if (attribute !== undefined) return referred(isList(attribute) ? String(attribute[0]) : String(attribute).split('.')[0], resource)
  if (isList(join) && isList(join[1])) return join[1].map((part) => textOf(part, resource)).join(String(join[0]))
  if (typeof sub === 'string') return sub.replaceAll(/\$\{([^!}.]+)[^}]*\}/g, (_all, name: string) => referred(name, resource))
  return '<?>'
}

function referred(name: string | undefined, { place, typeOf }: Resource): string {
  if (name === 'AWS::Region') return place.region ?? '<?>'
  if (name === 'AWS::AccountId') return place.account ?? '<?>'
  if (name === 'AWS::Partition') return 'aws'
  if (name === 'AWS::URLSuffix') return 'amazonaws.com'
  return `<${typeOf(name ?? '') ?? '?'}>`
}

export const isObject = (value: Json): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)
export const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

/** The objects of a list; a single object counts as a list of one. */
export function objects(value: Json): JsonObject[] {
  return (isList(value) ? value : [value]).filter(isObject)
}

/** An object's property by a path of keys; undefined where the path ends early. */
export function at(value: Json, ...path: string[]): Json {
  return path.reduce<Json>((inner, key) => (isObject(inner) ? inner[key] : undefined), value)
}
