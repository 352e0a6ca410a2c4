import { readFileSync } from 'node:fs'
import type { ICertificate } from 'aws-cdk-lib/aws-certificatemanager'
import {
  AllowedMethods,
  CacheCookieBehavior,
  CachedMethods,
  CacheHeaderBehavior,
  CachePolicy,
  CacheQueryStringBehavior,
  Function as CloudFrontFunction,
  Distribution,
  FunctionCode,
  FunctionEventType,
  FunctionRuntime,
  HttpVersion,
  type IOrigin,
  OriginProtocolPolicy,
  OriginSslPolicy,
  SecurityPolicyProtocol,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront'
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins'
import type { IBucket } from 'aws-cdk-lib/aws-s3'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { acknowledge } from '../nag/acknowledge.ts'

/** What a region's token service serves to everybody, by GET (runtime/gateway/doors/token-service.ts; a test compares the two). */
export const DISCOVERY_PATHS = ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server'] as const

export interface EdgeDiscoveryProps {
  /** Name under which the edge answers. */
  readonly domainName: string
  /** Certificate of that name. CloudFront takes one of us-east-1 and of no other region, so make it in a stack there. */
  readonly certificate: ICertificate
  /** Region -> host of its token service. A region's documents are at `/<region>` and their own path. */
  readonly issuers: ReadonlyMap<string, string>
  /** Gets the access logs, which name whoever fetched a document. Needs ACLs, as CloudFront delivers by them. */
  readonly logsBucket: IBucket
  /** Names of the cache policy and the function, each unique in the account. */
  readonly cachePolicyName: string
  readonly functionName: string
  /**
   * ARN of a web ACL of scope CLOUDFRONT, which is in us-east-1.
   * @default - none
   */
  readonly webAclArn?: string
}

/**
 * Longest that the edge answers with what a region served before. A key that is removed in an emergency is gone at the edge as soon as at the
 * regions, which allow a minute (docs/identity.md, "Keys").
 */
const CACHE_MAX = Duration.seconds(60)

/** A host that no resolver knows (RFC 2606): what falls through to the default behaviour reaches nothing, even if its function is lost. */
const NOWHERE = 'nowhere.invalid'

const SCRIPT = readFileSync(new URL('../edge/discovery.cjs', import.meta.url), 'utf8')

/**
 * CloudFront for the public, stateless documents of the token issuers, for who must fetch them often or from far away. Each document of each
 * region has a behaviour of its own; everything else ends in a function at the edge, and behind it leads to a host that is nowhere. So no
 * call, no token and no body passes: the edge has no place where it may be kept, and TLS ends there.
 */
export class EdgeDiscovery extends Construct {
  readonly distribution: Distribution

  constructor(scope: Construct, id: string, props: EdgeDiscoveryProps) {
    super(scope, id)
    const { domainName, certificate, issuers, logsBucket, webAclArn } = props
    const documents = [...issuers].flatMap(([region, host]) => DISCOVERY_PATHS.map((path) => ({ at: `/${region}${path}`, path, host })))
    const origins = new Map([...issuers.values()].map((host): [string, IOrigin] => [host, httpsOnly(host)]))
    const behaviour = {
      allowedMethods: AllowedMethods.ALLOW_GET_HEAD,
      cachedMethods: CachedMethods.CACHE_GET_HEAD,
      viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
      // And no origin request policy: what is in no cache key goes to no origin.
      cachePolicy: new CachePolicy(this, 'Cache', {
        cachePolicyName: props.cachePolicyName,
        comment: 'A path, and nothing else of a request',
        headerBehavior: CacheHeaderBehavior.none(),
        cookieBehavior: CacheCookieBehavior.none(),
        queryStringBehavior: CacheQueryStringBehavior.none(),
        minTtl: Duration.seconds(0),
        defaultTtl: CACHE_MAX,
        maxTtl: CACHE_MAX,
      }),
      functionAssociations: [
        {
          eventType: FunctionEventType.VIEWER_REQUEST,
          function: new CloudFrontFunction(this, 'Function', {
            functionName: props.functionName,
            comment: 'Knows the documents, refuses everything else',
            runtime: FunctionRuntime.JS_2_0,
            code: FunctionCode.fromInline(
              `const DOCUMENTS = ${JSON.stringify(Object.fromEntries(documents.map(({ at, path }) => [at, path])))}\n${SCRIPT}`,
            ),
          }),
        },
      ],
    }
    this.distribution = new Distribution(this, 'Distribution', {
      comment: 'Keys and metadata of the token issuers',
      domainNames: [domainName],
      certificate,
      minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
      httpVersion: HttpVersion.HTTP2,
      defaultBehavior: { ...behaviour, origin: httpsOnly(NOWHERE) },
      additionalBehaviors: Object.fromEntries(
        documents.map(({ at, host }) => [at, { ...behaviour, origin: origins.get(host) as IOrigin }]),
      ),
      enableLogging: true,
      logBucket: logsBucket,
      logIncludesCookies: false,
      ...(webAclArn !== undefined && { webAclId: webAclArn }),
    })
    acknowledge(this.distribution, {
      'AwsSolutions-CFR1': 'public keys are for everybody who must check a signature, wherever they are',
      ...(webAclArn === undefined && {
        'AwsSolutions-CFR2': 'two documents a region, without parameters, from a cache; put your web ACL into config',
      }),
    })
  }
}

function httpsOnly(host: string): HttpOrigin {
  return new HttpOrigin(host, { protocolPolicy: OriginProtocolPolicy.HTTPS_ONLY, originSslProtocols: [OriginSslPolicy.TLS_V1_2] })
}
