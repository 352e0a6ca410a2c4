import { foreignRegions, regionsIn } from '../regions.ts'
import { at, isList, type Json, type JsonObject, type Resource, textOf, textsIn } from '../resource.ts'
import type { Rule } from '../rule.ts'
import { type Statement, statementsIn } from '../statements.ts'

const POLICY_TYPES = [
  'AWS::IAM::Policy',
  'AWS::IAM::ManagedPolicy',
  'AWS::IAM::Role',
  'AWS::IAM::RolePolicy',
  'AWS::IAM::User',
  'AWS::IAM::UserPolicy',
  'AWS::IAM::Group',
  'AWS::IAM::GroupPolicy',
]

/** Condition keys that say to which region's service a call goes. */
const REGION_KEYS = ['aws:RequestedRegion', 'kms:ViaService']

export const roleStaysInRegion: Rule = {
  id: 'RoleStaysInRegion',
  info: 'A role reaches into another region, or nothing keeps it from doing so.',
  explanation:
    "IAM is global: a role of one region works in all of them, unless each of its rights says where. Name resources of this region, by an ARN or a name with the region in it, or add the condition StringEquals aws:RequestedRegion. Only the control plane's publisher reaches every region.",
  check(resource, layout) {
    const { type, properties, place } = resource
    if (!POLICY_TYPES.includes(type) || !layout.holdsResidencyData(place)) return []
    // What a right is for is judged right by right.
    const named = [...textsIn(properties)]
      .filter(({ key }) => !['Description', 'Resource', 'NotResource'].includes(key))
      .flatMap(({ text }) => foreignRegions(text, place))
      .map((region) => `Region::${region}`)
    const rights = [properties.PolicyDocument, properties.Policies].flatMap((documents) => statementsIn(documents))
    const unbound = rights.filter((right) => right.allows && !saysRegion(right, resource)).flatMap((right) => anywhere(right, resource))
    return [...named, ...unbound.map((text) => `Resource::${text}`), ...managed(properties, resource)]
  },
}

/** What a statement allows that is not of this region alone. */
function anywhere({ body, resources }: Statement, resource: Resource): string[] {
  if (resources.length === 0) return [body.NotResource === undefined ? 'none' : 'NotResource']
  return resources.map((one) => textOf(one, resource)).filter((text) => !isRegional(text, resource))
}

function isRegional(text: string, { place: { region } }: Resource): boolean {
  if (region === undefined) return false
  // A resource of this very stack, or something in it.
  if (text.startsWith('<AWS::')) return true
  if (!text.startsWith('arn:')) return false
  const [, , service, regionOfArn = '', , ...name] = text.split(':')
  // An inference profile is of this region, and the models that it calls are wherever it likes.
  if (service === 'bedrock' && /^(application-)?inference-profile\//.test(name.join(':'))) return false
  // Buckets and roles have no region in their ARN, so their names carry it.
  return regionOfArn === region || (regionOfArn === '' && regionsIn(name.join(':')).join() === region)
}

/** Whether a condition leaves this region alone. Operators that are also true of an absent key do not. */
function saysRegion({ body }: Statement, resource: Resource): boolean {
  return REGION_KEYS.some((key) => {
    const values = ['StringEquals', 'StringLike'].flatMap((operator) => listed(at(body.Condition, operator, key)))
    return values.length > 0 && values.every((value) => namesOwn(textOf(value, resource), resource))
  })
}

const namesOwn = (text: string, { place }: Resource) => place.region !== undefined && regionsIn(text).join() === place.region

function listed(value: Json): readonly Json[] {
  return value === undefined ? [] : isList(value) ? value : [value]
}

/** Policies of AWS's own name no region and no resource. One of this stack is checked by itself. */
function managed({ ManagedPolicyArns: arns }: JsonObject, resource: Resource): string[] {
  return listed(arns)
    .map((arn) => textOf(arn, resource))
    .filter((arn) => arn !== '<AWS::IAM::ManagedPolicy>')
    .map((arn) => `ManagedPolicy::${arn.replace(/^.*:policy\//, '')}`)
}
