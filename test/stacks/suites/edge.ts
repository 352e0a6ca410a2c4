import { runInNewContext } from 'node:vm'
import { stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { DISCOVERY_PATHS } from '../../../lib/constructs/edge-discovery.ts'
import { resourcesOf, type Synthesized, theResource } from '../synthesized.ts'

interface Request {
  method: string
  uri: string
  headers: Record<string, { value: string }>
  cookies: Record<string, { value: string }>
  querystring: Record<string, { value: string }>
}

/** Paths that agents, operators and probes use, and some that try to look like a document. */
const CALLS = [
  '/',
  '/v1/decisions',
  '/mcp',
  '/oauth/token',
  '/health/region',
  '/.well-known/jwks.json',
  '/eu-west-1/v1/decisions',
  '/eu-west-1/oauth/token',
]
const LOOKALIKES = [
  '/eu-west-1/.well-known/jwks.json/',
  '/eu-west-1/.well-known/../oauth/token',
  '/mars-north-1/.well-known/jwks.json',
  '/constructor',
  '/__proto__',
  '',
]

export function edgeSuite(off: Synthesized, on: Synthesized): void {
  const { deployment } = on
  const template = on.templates.get(stackNames(deployment).edge)
  const config = theResource(template, 'AWS::CloudFront::Distribution').Properties.DistributionConfig
  const documents = regionsOf(deployment).flatMap(({ region }) =>
    DISCOVERY_PATHS.map((path) => ({ region, path, at: `/${region}${path}` })),
  )
  const behaviours = [config.DefaultCacheBehavior, ...config.CacheBehaviors]
  const originOf = ({ TargetOriginId }: { TargetOriginId: string }) =>
    config.Origins.find(({ Id }: { Id: string }) => Id === TargetOriginId)
  const handler = runInNewContext(`${theResource(template, 'AWS::CloudFront::Function').Properties.FunctionCode}\nhandler`) as (event: {
    request: Request
  }) => Request & { statusCode?: number }
  const ask = (method: string, uri: string) =>
    handler({
      request: {
        method,
        uri,
        headers: { host: { value: 'discovery.aegis.example' }, authorization: { value: 'Bearer x' } },
        cookies: { session: { value: 'x' } },
        querystring: { tenant: { value: 'x' } },
      },
    })

  it('is not there as it comes', () => {
    expect([...off.templates.keys()]).not.toContain(stackNames(deployment).edge)
  })

  it("serves each region's documents from that region, each by a behaviour of its own", () => {
    expect(config.CacheBehaviors.map(({ PathPattern }: { PathPattern: string }) => PathPattern)).toEqual(documents.map(({ at }) => at))
    for (const [index, { region, path, at }] of documents.entries()) {
      const origin = originOf(config.CacheBehaviors[index])
      expect(origin.DomainName).toBe(`${region}.aegis.example`)
      expect(origin.CustomOriginConfig).toMatchObject({ OriginProtocolPolicy: 'https-only', OriginSSLProtocols: ['TLSv1.2'] })
      expect(ask('GET', at)).toMatchObject({ uri: path, method: 'GET' })
      expect(ask('HEAD', at).uri).toBe(path)
    }
  })

  it('passes on no call, by no path, no method, and to no region', () => {
    for (const uri of [...CALLS, ...LOOKALIKES])
      for (const method of ['GET', 'POST']) expect([uri, method, ask(method, uri).statusCode]).toEqual([uri, method, 404])
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expect(ask(method, '/eu-west-1/.well-known/jwks.json').statusCode).toBe(405)
    expect(originOf(config.DefaultCacheBehavior).DomainName).toBe('nowhere.invalid')
    for (const { AllowedMethods, ViewerProtocolPolicy, FunctionAssociations } of behaviours) {
      expect(AllowedMethods).toEqual(['GET', 'HEAD'])
      expect(ViewerProtocolPolicy).toBe('https-only')
      expect(FunctionAssociations).toMatchObject([{ EventType: 'viewer-request' }])
    }
  })

  it('forwards no authorization, no cookie, no parameter', () => {
    for (const behaviour of behaviours) {
      expect(behaviour).not.toHaveProperty('OriginRequestPolicyId')
      expect(behaviour).not.toHaveProperty('ForwardedValues')
      const policy = template?.Resources[behaviour.CachePolicyId.Ref]?.Properties.CachePolicyConfig
      expect(policy.ParametersInCacheKeyAndForwardedToOrigin).toMatchObject({
        HeadersConfig: { HeaderBehavior: 'none' },
        CookiesConfig: { CookieBehavior: 'none' },
        QueryStringsConfig: { QueryStringBehavior: 'none' },
      })
      expect(policy).toMatchObject({ MinTTL: 0, DefaultTTL: 60, MaxTTL: 60 })
    }
    const passed = ask('GET', '/eu-west-1/.well-known/jwks.json')
    expect(passed).toMatchObject({ cookies: {}, querystring: {} })
    // Host is CloudFront's own to set; taking it away is an error there.
    expect(Object.keys(passed.headers)).toEqual(['host'])
  })

  it('answers under its own name by TLS 1.2 or later, with a certificate of us-east-1, and logs', () => {
    expect(on.app.node.findChild(stackNames(deployment).edge)).toMatchObject({ region: 'us-east-1' })
    expect(config.ViewerCertificate).toMatchObject({
      MinimumProtocolVersion: 'TLSv1.2_2021',
      AcmCertificateArn: { Ref: expect.stringMatching(/^Certificate/) },
    })
    expect(config.Aliases).toEqual(['discovery.aegis.example'])
    expect(config.WebACLId).toBe(deployment.edge?.webAclArn)
    expect(config.Logging).toMatchObject({ IncludeCookies: false, Bucket: { 'Fn::GetAtt': ['EdgeLogsBucket', 'RegionalDomainName'] } })
    expect(template?.Resources.EdgeLogsBucket?.DeletionPolicy).toMatch(/^Retain/)
    expect(resourcesOf(template, 'AWS::Route53::RecordSet').map(([, { Properties }]) => [Properties.Type, Properties.Name])).toEqual([
      ['A', 'discovery.aegis.example.'],
      ['AAAA', 'discovery.aegis.example.'],
    ])
  })
}
