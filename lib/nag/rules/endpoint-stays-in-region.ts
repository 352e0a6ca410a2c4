import { type Resource, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'
import { statementsIn } from '../statements.ts'

export const endpointStaysInRegion: Rule = {
  id: 'EndpointStaysInRegion',
  info: 'A VPC endpoint leads to a service of another region.',
  explanation:
    "Since PrivateLink crosses regions, an endpoint can carry a task's calls abroad under a private name; and an inference profile of Bedrock carries them on from an endpoint of the region. Every endpoint leads to this region's service and has a policy that says what may go through it.",
  check(resource, layout) {
    const { type, properties, place } = resource
    if (type !== 'AWS::EC2::VPCEndpoint' || !layout.holdsResidencyData(place)) return []
    const serviceRegion = textOf(properties.ServiceRegion, resource)
    const service = textOf(properties.ServiceName, resource)
    return [
      ...(['', place.region].includes(serviceRegion) ? [] : [`ServiceRegion::${serviceRegion}`]),
      // The dots keep `eu-west-1` from being found in a longer word. Services of AWS and of others both have their region in the name.
      ...(properties.ServiceName === undefined || service.includes(`.${place.region}.`) ? [] : [`Service::${service}`]),
      ...(properties.PolicyDocument === undefined ? ['NoPolicy'] : []),
      ...(/\.bedrock[\w-]*$/.test(service) ? modelsElsewhere(resource) : []),
    ]
  },
}

/** What an endpoint of Bedrock lets through beside models of its region, by their ARN. An inference profile runs wherever it likes. */
function modelsElsewhere(resource: Resource): string[] {
  return statementsIn(resource.properties.PolicyDocument)
    .filter(({ allows }) => allows)
    .flatMap(({ resources }) => resources.map((one) => textOf(one, resource)))
    .filter((model) => !model.startsWith(`arn:aws:bedrock:${resource.place.region}::foundation-model/`) || model.includes('*'))
    .map((model) => `Model::${model}`)
}
