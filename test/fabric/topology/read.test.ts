import { expect, test } from '@jest/globals'
import { readTopology } from '../../../runtime/fabric/topology/read.ts'
import type { Topology } from '../../../runtime/fabric/topology/topology.ts'
import { type Resources, signBy, smallDeployment, smallTemplates, type TemplateResource, writeAssembly } from './small-assembly.ts'

function read(change: (templates: Record<string, Resources>) => void = () => {}): Topology {
  const templates = smallTemplates()
  change(templates)
  const { directory, remove } = writeAssembly(templates)
  try {
    return readTopology(directory, smallDeployment)
  } finally {
    remove()
  }
}

test('resolves names, aliases to load balancers and checks by reference', () => {
  const { records, healthChecks, loadBalancers, hostedZones } = read()
  expect(hostedZones.map(({ name }) => name)).toEqual(['aegis.example'])
  const [regional, zone] = records
  expect(regional).toMatchObject({
    name: 'eu-west-1.aegis.example',
    routing: { policy: 'simple' },
    target: { loadBalancer: loadBalancers[0]?.id, evaluateTargetHealth: true },
  })
  expect(zone).toMatchObject({
    name: 'eu.aegis.example',
    routing: { policy: 'failover', role: 'PRIMARY' },
    target: { values: ['eu-west-1.aegis.example'], ttlS: 30 },
    healthCheckId: healthChecks[0]?.id,
  })
  expect(healthChecks[0]).toMatchObject({ protocol: 'HTTPS', port: 443, path: '/health/region', intervalS: 10, failureThreshold: 3 })
})

test('a load balancer judges its targets as its target group says, with the defaults of AWS for the rest', () => {
  expect(read().loadBalancers[0]?.targetCheck).toEqual({
    path: '/health/live',
    intervalS: 10,
    timeoutS: 5,
    healthyThreshold: 5,
    unhealthyThreshold: 3,
  })
})

test('a cell is the container that knows its region, with intrinsics in its environment resolved', () => {
  expect(read().cells).toEqual([
    {
      region: 'eu-west-1',
      zone: 'eu',
      account: '222222222222',
      environment: { AEGIS_REGION: 'eu-west-1', AEGIS_PORT: '8080', AEGIS_REGION_URL: 'https://eu-west-1.aegis.example' },
      secrets: { AEGIS_PSEUDONYM_KEY: 'zone-eu' },
      tableRights: [{ table: 'approvals', actions: ['PutItem'], partitions: ['kills', 'promotions#*'] }],
      port: 8080,
      loadBalancer: 'aegis-prod-gateway-eu-west-1/Balancer',
    },
  ])
})

test('reads global and regional tables, buckets and keys with their aliases', () => {
  const { tables, buckets, keys } = read()
  expect(tables.map(({ name, replicas, gsis }) => [name, replicas, gsis.length])).toEqual([
    ['aegis-prod-global', ['eu-west-1', 'us-east-1'], 1],
    ['approvals', ['eu-west-1'], 0],
  ])
  expect(buckets.map(({ name }) => name)).toEqual(['bundles-222222222222'])
  expect(keys).toMatchObject([
    { aliases: ['alias/token'], spec: 'ECC_NIST_P256', usage: 'SIGN_VERIFY', origin: { account: '222222222222' } },
  ])
})

test('reads who may sign with a key, the roles that are taken by STS, and the secrets with their copies', () => {
  const { keys, roles, secrets, loadBalancers } = read()
  const signer = 'arn:aws:iam::222222222222:role/signer'
  expect(keys.map(({ signerRole }) => signerRole)).toEqual([signer])
  // A role that a service takes is nobody's to assume.
  expect(roles).toMatchObject([{ arn: signer, needsSourceIdentity: true }])
  expect(secrets).toMatchObject([{ name: 'zone-eu', regions: ['eu-west-1', 'eu-central-1'] }])
  expect(loadBalancers.map(({ internal }) => internal)).toEqual([false])
})

test('a load balancer inside and a role that needs no name are seen as such: planted changes show', () => {
  const changed = read((templates) => {
    set(GATEWAY, 'Balancer', 'Scheme', 'internal')(templates)
    const open = { Statement: [{ Action: 'sts:AssumeRole', Principal: { AWS: '*' } }] }
    set(STORES, 'Signer', 'AssumeRolePolicyDocument', open)(templates)
  })
  expect(changed.loadBalancers.map(({ internal }) => internal)).toEqual([true])
  expect(changed.roles.map(({ needsSourceIdentity }) => needsSourceIdentity)).toEqual([false])
})

test('a zone that is handed over to another one is answered by the same server, and needs no record', () => {
  const before = read().records
  const { records, hostedZones } = read((templates) => {
    add('aegis-prod-dns', 'Control', { Type: 'AWS::Route53::HostedZone', Properties: { Name: 'control.aegis.example' } })(templates)
    add(ROUTING, 'Delegation', delegation)(templates)
  })
  expect(hostedZones.map(({ name }) => name)).toContain('control.aegis.example')
  expect(records).toEqual(before)
})

test('the task environment that is read is the one of the template: a planted change shows', () => {
  const changed = read((templates) => {
    const containers = (of(templates, 'aegis-prod-gateway-eu-west-1', 'Task').Properties as { ContainerDefinitions: object[] })
      .ContainerDefinitions
    Object.assign(containers[1] as object, { Environment: [{ Name: 'AEGIS_REGION', Value: 'planted' }] })
  })
  expect(changed.cells[0]?.environment).toEqual({ AEGIS_REGION: 'planted' })
})

const delegation = {
  Type: 'AWS::Route53::RecordSet',
  Properties: { Name: 'control.aegis.example.', Type: 'NS', TTL: '60', ResourceRecords: ['ns-1.example.'] },
}
const ROUTING = 'aegis-prod-routing'
const GATEWAY = 'aegis-prod-gateway-eu-west-1'
const STORES = 'aegis-prod-stores-eu-west-1'

/** What is changed in the templates, and the words of the error that must follow. */
const refusals: [what: string, change: (templates: Record<string, Resources>) => void, error: RegExp][] = [
  ['name servers of a zone that is in no template', add(ROUTING, 'Delegation', delegation), /aegis-prod-routing\/Delegation\.Type/],
  [
    'a record set group',
    add(ROUTING, 'Group', { Type: 'AWS::Route53::RecordSetGroup' }),
    /aegis-prod-routing\/Group\.RecordSets: record set groups/,
  ],
  [
    'a routing policy it does not know',
    set(ROUTING, 'ZoneRecord', 'GeoLocation', { ContinentCode: 'EU' }),
    /ZoneRecord\.GeoLocation: .*does not know/,
  ],
  ['a record type it does not answer', set(ROUTING, 'ZoneRecord', 'Type', 'SRV'), /ZoneRecord\.Type: .*"SRV"/],
  ['a record with two policies', set(ROUTING, 'ZoneRecord', 'Weight', 1), /more than one routing policy/],
  ['a routed record without a set identifier', set(ROUTING, 'ZoneRecord', 'SetIdentifier', undefined), /needs a set identifier/],
  ['a name outside every hosted zone', set(ROUTING, 'ZoneRecord', 'Name', 'eu.other.example'), /eu\.other\.example is in no hosted zone/],
  ['a wildcard name', set(ROUTING, 'ZoneRecord', 'Name', '*.aegis.example'), /wildcard/],
  [
    'a health check of another stack',
    set(ROUTING, 'ZoneRecord', 'HealthCheckId', { 'Fn::ImportValue': 'x' }),
    /HealthCheckId: cannot resolve Fn::ImportValue/,
  ],
  ['a dangling reference', set(ROUTING, 'ZoneRecord', 'HealthCheckId', { Ref: 'Gone' }), /cannot resolve Ref of "Gone"/],
  ['a calculated check', config({ Type: 'CALCULATED', ChildHealthChecks: ['x'] }), /Check\.HealthCheckConfig/],
  ['an inverted check', config({ Inverted: true }), /Check\.HealthCheckConfig\.Inverted: inverted/],
  ['a check property it does not know', config({ SearchString: 'ok' }), /SearchString/],
  [
    'an alias to something other than a load balancer',
    set(GATEWAY, 'Regional', 'AliasTarget', { DNSName: 'x.cloudfront.net', HostedZoneId: 'Z2' }),
    /Regional\.AliasTarget\.DNSName: A alias to x\.cloudfront\.net/,
  ],
  ['a balancer without a target group', (templates) => delete templates[GATEWAY]?.Listener, /Balancer\.Listeners: no listener/],
  [
    'a region without a gateway',
    (templates) => delete templates[GATEWAY]?.Task,
    /aegis-prod-gateway-eu-west-1: has no AWS::ECS::TaskDefinition/,
  ],
  ['a region without a public name', (templates) => delete templates[GATEWAY]?.Regional, /no A alias record eu-west-1\.aegis\.example/],
  ['a table without a name', set(STORES, 'Global', 'TableName', undefined), /aegis-prod-stores-eu-west-1\/Global\.TableName/],
  ['a local index', set(STORES, 'Global', 'LocalSecondaryIndexes', []), /LocalSecondaryIndexes/],
  [
    'a bucket whose name comes from elsewhere',
    set(STORES, 'Bucket', 'BucketName', { 'Fn::ImportValue': 'b' }),
    /Bucket\.BucketName: cannot resolve Fn::ImportValue/,
  ],
  [
    'an alias to a foreign key',
    set(STORES, 'Alias', 'TargetKeyId', 'arn:aws:kms:eu-west-1:222222222222:key/other'),
    /is no key of the templates/,
  ],
  [
    'a secret that no stack makes',
    (templates) => delete templates[STORES]?.Secret,
    /Secrets\.AEGIS_PSEUDONYM_KEY: .*is no secret of the templates/,
  ],
  ['a secret without a name', set(STORES, 'Secret', 'Name', undefined), /Secret\.Name/],
  ["a key whose policy it can't read", set(STORES, 'Key', 'KeyPolicy', { 'Fn::ImportValue': 'policy' }), /Key\.KeyPolicy: is not a list/],
  [
    'a key with two signers',
    set(STORES, 'Key', 'KeyPolicy', { Statement: [...signBy('one').Statement, ...signBy('two').Statement] }),
    /Key\.KeyPolicy: lets 2 statements sign/,
  ],
  [
    'rights that any partition passes',
    policy({ Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['kills'] } } }),
    /Rights\.PolicyDocument: has the condition/,
  ],
  ['rights by a pattern', policy({ Action: 'dynamodb:*', Condition: {} }), /Rights\.PolicyDocument: has the actions dynamodb:\*/],
  ['rights that are denied', policy({ Effect: 'Deny', Condition: {} }), /Rights\.PolicyDocument: denies/],
  ['rights on more than a table', policy({ Resource: '*', Condition: {} }), /Rights\.PolicyDocument: names \*/],
  [
    'a conditional resource',
    (templates) => Object.assign(of(templates, ROUTING, 'ZoneRecord'), { Condition: 'IsProd' }),
    /ZoneRecord\.Condition: hangs on IsProd/,
  ],
  ['a nested stack', add(ROUTING, 'Nested', { Type: 'AWS::CloudFormation::Stack' }), /nested stack/],
  [
    'two records of one name without a policy',
    add(ROUTING, 'Twin', {
      Type: 'AWS::Route53::RecordSet',
      Properties: { Name: 'eu.aegis.example', Type: 'CNAME', TTL: 30, ResourceRecords: ['a.example'] },
    }),
    /Twin: CNAME eu\.aegis\.example is also written by .*ZoneRecord/,
  ],
]

test.each(refusals)('refuses %s', (_what, change, error) => {
  expect(() => read(change)).toThrow(error)
})

test('refuses a folder without an assembly', () => {
  expect(() => readTopology('/nonexistent', smallDeployment)).toThrow(/manifest\.json: .*npm run synth/)
})

function of(templates: Record<string, Resources>, stack: string, id: string): TemplateResource {
  const found = templates[stack]?.[id]
  if (found === undefined) throw new Error(`no ${stack}/${id}`)
  return found
}

function set(stack: string, id: string, property: string, value: unknown) {
  return (templates: Record<string, Resources>) => {
    const resource = of(templates, stack, id)
    resource.Properties = { ...resource.Properties, [property]: value }
  }
}

function add(stack: string, id: string, resource: TemplateResource) {
  return (templates: Record<string, Resources>) => {
    templates[stack] = { ...templates[stack], [id]: resource }
  }
}

function config(changes: Record<string, unknown>) {
  return (templates: Record<string, Resources>) => {
    Object.assign(of(templates, ROUTING, 'Check').Properties?.HealthCheckConfig as object, changes)
  }
}

/** Changes the one statement of the task's policy. */
function policy(changes: Record<string, unknown>) {
  return (templates: Record<string, Resources>) => {
    const document = of(templates, GATEWAY, 'Rights').Properties?.PolicyDocument as { Statement: object[] }
    Object.assign(document.Statement[0] as object, changes)
  }
}
