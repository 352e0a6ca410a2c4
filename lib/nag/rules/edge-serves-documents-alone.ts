import { at, isList, type Json, type JsonObject, objects, type Resource, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'

/** A document of one region's token issuer, and no pattern. */
const DOCUMENT = /^\/[a-z]{2}(-[a-z]+)+-\d\/\.well-known\/(jwks\.json|oauth-authorization-server)$/

/** By RFC 2606 no resolver knows such a host. */
const NOWHERE = /\.invalid$/

export const edgeServesDocumentsAlone: Rule = {
  id: 'EdgeServesDocumentsAlone',
  info: 'CloudFront passes on more than the public documents of the token issuers.',
  explanation:
    "CloudFront ends TLS wherever the caller is, so a call that passes through it has left its jurisdiction. A distribution may serve a region's keys and metadata, by GET and HEAD, and pass on nothing of a request but its path; everything else leads to a host that does not exist.",
  check(resource) {
    const { type, properties } = resource
    if (type === 'AWS::CloudFront::CachePolicy')
      return keptOfRequests(at(properties, 'CachePolicyConfig', 'ParametersInCacheKeyAndForwardedToOrigin'), resource)
    if (type !== 'AWS::CloudFront::Distribution') return []
    const config = properties.DistributionConfig
    const behaviours = [
      ...objects(at(config, 'DefaultCacheBehavior')).map((behaviour) => ({ path: 'default', behaviour })),
      ...objects(at(config, 'CacheBehaviors')).map((behaviour) => ({ path: textOf(behaviour.PathPattern, resource), behaviour })),
    ]
    return [
      ...behaviours.filter(({ path }) => path !== 'default' && !DOCUMENT.test(path)).map(({ path }) => `Path::${path}`),
      ...behaviours.flatMap(({ path, behaviour }) => passedOn(path, behaviour, resource)),
      ...defaultOrigins(config, resource).map((host) => `Default::${host}`),
    ]
  },
}

function passedOn(path: string, behaviour: JsonObject, resource: Resource): string[] {
  const methods = isList(behaviour.AllowedMethods) ? behaviour.AllowedMethods.map((method) => textOf(method, resource)) : []
  return [
    ...methods.filter((method) => method !== 'GET' && method !== 'HEAD').map((method) => `Method::${path}::${method}`),
    ...['OriginRequestPolicyId', 'ForwardedValues'].filter((key) => behaviour[key] !== undefined).map((key) => `${key}::${path}`),
    // One that is not of this stack cannot be looked into.
    ...(textOf(behaviour.CachePolicyId, resource) === '<AWS::CloudFront::CachePolicy>' ? [] : [`CachePolicyId::${path}`]),
  ]
}

function keptOfRequests(parameters: Json, resource: Resource): string[] {
  const parts = { Header: 'HeadersConfig', Cookie: 'CookiesConfig', QueryString: 'QueryStringsConfig' }
  return Object.entries(parts)
    .filter(([part, config]) => textOf(at(parameters, config, `${part}Behavior`), resource) !== 'none')
    .map(([part]) => `Forwards::${part}`)
}

/** Hosts behind the default behaviour; one that the template does not name counts as somewhere. */
function defaultOrigins(config: Json, resource: Resource): string[] {
  const target = textOf(at(config, 'DefaultCacheBehavior', 'TargetOriginId'), resource)
  const hosts = objects(at(config, 'Origins'))
    .filter(({ Id }) => textOf(Id, resource) === target)
    .map(({ DomainName }) => textOf(DomainName, resource))
  return (hosts.length > 0 ? hosts : [`origin ${target}`]).filter((host) => !NOWHERE.test(host))
}
