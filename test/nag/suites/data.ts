import { CfnBackupVault } from 'aws-cdk-lib/aws-backup'
import { Key } from 'aws-cdk-lib/aws-kms'
import { FilterPattern, LogGroup, SubscriptionFilter } from 'aws-cdk-lib/aws-logs'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { CfnResource, type Stack } from 'aws-cdk-lib/core'
import { collectorConfig, EXPORT_ENVIRONMENT } from '../../../config/collector.ts'
import { sharedNames, stackNames } from '../../../config/names.ts'
import { backupStaysInRegion } from '../../../lib/nag/rules/backup-stays-in-region.ts'
import { bucketIsNotReplicated } from '../../../lib/nag/rules/bucket-is-not-replicated.ts'
import { dataStaysInRegion } from '../../../lib/nag/rules/data-stays-in-region.ts'
import { edgeServesDocumentsAlone } from '../../../lib/nag/rules/edge-serves-documents-alone.ts'
import { endpointStaysInRegion } from '../../../lib/nag/rules/endpoint-stays-in-region.ts'
import { exporterStaysInRegion } from '../../../lib/nag/rules/exporter-stays-in-region.ts'
import { keyStaysInRegion } from '../../../lib/nag/rules/key-stays-in-region.ts'
import { CONTROL, deployment, type RuleSuite, raw, WORKLOAD } from '../planted.ts'

const MULTI_REGION_KEY = 'mrk-1234abcd12ab34cd56ef1234567890ab'
const POLICY = { Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::x/*' }] }

/** A task whose container has these variables, or starts with this command. */
const task = (variables: Record<string, string>, command: string[] = []) =>
  raw('AWS::ECS::TaskDefinition', {
    ContainerDefinitions: [
      { Name: 'c', Command: command, Environment: Object.entries(variables).map(([Name, Value]) => ({ Name, Value })) },
    ],
  })
const collector = (exporters: string) => task({ AOT_CONFIG_CONTENT: `receivers:\n  otlp:\nexporters:\n${exporters}` })

const container = (properties: Record<string, unknown>) =>
  raw('AWS::ECS::TaskDefinition', { ContainerDefinitions: [{ Name: 'c', ...properties }] })
const logsAbroad = `arn:aws:logs:us-east-1:${WORKLOAD}:log-group:x`

const replicatedTo = (destination: unknown) =>
  raw('AWS::S3::Bucket', { ReplicationConfiguration: { Role: 'r', Rules: [{ Status: 'Enabled', Destination: { Bucket: destination } }] } })

const backupPlan = (vault: unknown) =>
  raw('AWS::Backup::BackupPlan', {
    BackupPlan: {
      BackupPlanRule: [{ RuleName: 'daily', TargetBackupVault: 'v', CopyActions: [{ DestinationBackupVaultArn: vault }] }],
    },
  })
const vaultOf = (region: string) => `arn:aws:backup:${region}:${WORKLOAD}:backup-vault:v`

const DOCUMENT = { TargetOriginId: 'nowhere', AllowedMethods: ['GET', 'HEAD'], CachePolicyId: { Ref: 'Cache' } }
const NONE = {
  HeadersConfig: { HeaderBehavior: 'none' },
  CookiesConfig: { CookieBehavior: 'none' },
  QueryStringsConfig: { QueryStringBehavior: 'none' },
}

/** A distribution that serves nothing, with these changes, and a cache policy that keeps nothing. */
const distribution = (config: Record<string, unknown>) => (stack: Stack) => {
  raw('AWS::CloudFront::CachePolicy', { CachePolicyConfig: { ParametersInCacheKeyAndForwardedToOrigin: NONE } }, 'Cache')(stack)
  const nothing = { Origins: [{ Id: 'nowhere', DomainName: 'nowhere.invalid' }], DefaultCacheBehavior: DOCUMENT }
  raw('AWS::CloudFront::Distribution', { DistributionConfig: { ...nothing, ...config } })(stack)
}

export const dataSuites: RuleSuite[] = [
  {
    rule: keyStaysInRegion,
    refuses: [
      { name: 'a multi-region key', plant: (stack) => void new Key(stack, 'Key', { multiRegion: true }), finds: ['MultiRegion'] },
      {
        name: 'a key that may be one, by a condition',
        plant: raw('AWS::KMS::Key', { MultiRegion: { 'Fn::If': ['Far', true, false] } }),
        finds: ['MultiRegion'],
      },
      {
        name: 'a replica of a key, in the control account too',
        account: CONTROL,
        plant: raw('AWS::KMS::ReplicaKey', { PrimaryKeyArn: 'arn:aws:kms:us-east-1:1:key/x' }),
        finds: ['ReplicaKey::arn:aws:kms:us-east-1:1:key/x'],
      },
      {
        name: "somebody else's multi-region key in use",
        plant: raw('AWS::Logs::LogGroup', { KmsKeyId: `arn:aws:kms:eu-west-1:${WORKLOAD}:key/${MULTI_REGION_KEY}` }),
        finds: [`Key::${MULTI_REGION_KEY}`],
      },
    ],
    accepts: [{ name: 'a key of one region', plant: (stack) => void new Key(stack, 'Key', { multiRegion: false }) }],
  },
  {
    rule: dataStaysInRegion,
    refuses: [
      {
        name: 'the query log of a public zone, which AWS keeps in us-east-1',
        plant: raw('AWS::Route53::HostedZone', { QueryLoggingConfig: { CloudWatchLogsLogGroupArn: logsAbroad } }),
        finds: ['QueryLoggingConfig::us-east-1'],
      },
      {
        name: "the resolver's query log abroad",
        plant: raw('AWS::Route53Resolver::ResolverQueryLoggingConfig', { DestinationArn: logsAbroad }),
        finds: ['DestinationArn::us-east-1'],
      },
      {
        name: "a firewall's log in a bucket abroad",
        plant: raw('AWS::NetworkFirewall::LoggingConfiguration', {
          LoggingConfiguration: { LogDestinationConfigs: [{ LogDestination: { bucketName: 'logs-us-east-1' } }] },
        }),
        finds: ['LoggingConfiguration::us-east-1'],
      },
      {
        name: 'a flow log in a bucket that does not say where it is',
        plant: raw('AWS::EC2::FlowLog', { LogDestinationType: 's3', LogDestination: 'arn:aws:s3:::central-logs' }),
        finds: ['LogDestination::arn:aws:s3:::central-logs'],
      },
      {
        name: 'what a canary saw, in a bucket abroad',
        plant: raw('AWS::Synthetics::Canary', { ArtifactS3Location: 's3://canary-us-east-1/x' }),
        finds: ['ArtifactS3Location::us-east-1'],
      },
      {
        name: 'a region that a join puts together',
        plant: raw('AWS::Logs::SubscriptionFilter', {
          // With a token in it, or CDK would join it itself.
          DestinationArn: { 'Fn::Join': ['', ['arn:aws:kinesis:us-', 'east-1:', { Ref: 'AWS::AccountId' }, ':stream/x']] },
        }),
        finds: ['DestinationArn::us-east-1'],
      },
      {
        name: 'a log group that streams to another region',
        plant: (stack) => {
          const logGroup = new LogGroup(stack, 'Logs')
          const arn = 'arn:aws:kinesis:us-east-1:222222222222:stream/logs'
          new SubscriptionFilter(stack, 'Filter', {
            logGroup,
            filterPattern: FilterPattern.allEvents(),
            destination: { bind: () => ({ arn }) },
          })
        },
        finds: ['DestinationArn::us-east-1'],
      },
      {
        name: 'an endpoint of another region in the environment of a task',
        plant: task({ AWS_ENDPOINT_URL_S3: 'https://s3.us-east-1.amazonaws.com' }),
        finds: ['ContainerDefinitions::us-east-1'],
      },
      {
        name: 'a bucket that is named after another region',
        plant: raw('AWS::S3::Bucket', { BucketName: 'aegis-prod-eu-central-1-audit-222222222222' }),
        finds: ['BucketName::eu-central-1'],
      },
      {
        name: 'a type that nobody knows',
        plant: raw('Acme::Mirror::Link', { Targets: [{ Where: 'ap-southeast-1a' }] }),
        finds: ['Targets::ap-southeast-1'],
      },
      {
        name: 'a custom resource that reads a parameter elsewhere',
        plant: raw('Custom::AWS', { Create: '{"service":"SSM","action":"getParameter","region":"us-east-1"}' }),
        finds: ['Create::us-east-1'],
      },
      {
        name: "a zone's secret with a copy outside the zone",
        plant: raw('AWS::SecretsManager::Secret', { ReplicaRegions: [{ Region: 'eu-central-1' }, { Region: 'us-east-1' }] }),
        finds: ['ReplicaRegions::us-east-1'],
      },
      {
        name: 'the policy of a regional table that lets in a role of another region',
        plant: raw('AWS::DynamoDB::GlobalTable', { Replicas: [{ Region: 'eu-west-1', Who: 'aegis-prod-us-east-1-gateway' }] }),
        finds: ['Replicas::us-east-1'],
      },
      {
        name: 'a stack named like the control plane in the workload account',
        stackName: `${stackNames(deployment).controlPlane}-copy`,
        plant: raw('AWS::S3::Bucket', { BucketName: 'copy-us-east-1' }),
        finds: ['BucketName::us-east-1'],
      },
    ],
    accepts: [
      { name: 'its own region', plant: raw('AWS::S3::Bucket', { BucketName: 'aegis-prod-eu-west-1-audit-222222222222' }) },
      { name: 'words for people', plant: raw('AWS::KMS::Key', { Description: 'not for us-east-1' }) },
      { name: "a zone's secret in the zone", plant: raw('AWS::SecretsManager::Secret', { ReplicaRegions: [{ Region: 'eu-central-1' }] }) },
      { name: 'a dashboard of every region', plant: raw('AWS::CloudWatch::Dashboard', { DashboardBody: '{"region":"us-east-1"}' }) },
      { name: 'the control account, which writes to every region', account: CONTROL, plant: task({ TABLES: 'us-east-1' }) },
      {
        name: 'the global table',
        stackName: stackNames(deployment).globalState,
        plant: raw('AWS::DynamoDB::GlobalTable', { TableName: sharedNames(deployment).globalTable, Replicas: [{ Region: 'us-east-1' }] }),
      },
    ],
  },
  {
    rule: bucketIsNotReplicated,
    refuses: [
      {
        name: 'a replication rule, wherever the copy is',
        plant: (stack) => {
          new Bucket(stack, 'Audit', {
            versioned: true,
            replicationRules: [{ destination: Bucket.fromBucketName(stack, 'Far', 'far-away') }],
          })
        },
        finds: ['Destination::arn:aws:s3:::far-away'],
      },
      {
        name: 'rules that the template does not list',
        plant: raw('AWS::S3::Bucket', { ReplicationConfiguration: { Rules: [] } }),
        finds: ['Aegis-BucketIsNotReplicated'],
      },
      {
        name: 'an access point over several regions',
        plant: raw('AWS::S3::MultiRegionAccessPoint', { Regions: [] }),
        finds: ['MultiRegionAccessPoint'],
      },
    ],
    accepts: [
      { name: 'a bucket without replication', plant: (stack) => void new Bucket(stack, 'Audit') },
      { name: "the control account's own history", account: CONTROL, plant: replicatedTo('arn:aws:s3:::second') },
    ],
  },
  {
    rule: backupStaysInRegion,
    refuses: [
      { name: 'a copy into another zone', plant: backupPlan(vaultOf('us-east-1')), finds: ['CopyTo::us-east-1'] },
      {
        name: 'a copy into the standby, until it is acknowledged',
        plant: backupPlan(vaultOf('eu-central-1')),
        finds: ['CopyTo::eu-central-1'],
      },
      {
        name: 'a selection by tag, by pattern, and of everything',
        plant: (stack) => {
          raw('AWS::Backup::BackupSelection', { BackupSelection: { ListOfTags: [{ ConditionKey: 'backup' }] } }, 'Tagged')(stack)
          raw('AWS::Backup::BackupSelection', { BackupSelection: { Resources: ['arn:aws:dynamodb:*:*:table/*'] } }, 'Pattern')(stack)
          raw('AWS::Backup::BackupSelection', { BackupSelection: { SelectionName: 'all' } }, 'All')(stack)
        },
        finds: ['Selection::ListOfTags', 'Selection::arn:aws:dynamodb:*:*:table/*', 'Selection::everything'],
      },
      {
        name: 'a vault whose backups other accounts may restore',
        plant: raw('AWS::Backup::LogicallyAirGappedBackupVault', { BackupVaultName: 'gapped' }),
        finds: ['AirGappedVault'],
      },
      { name: 'a copy that synth cannot place', plant: backupPlan({ Ref: 'Vault' }), finds: ['CopyTo::<?>'] },
    ],
    accepts: [
      { name: 'a copy in the region', plant: backupPlan(vaultOf('eu-west-1')) },
      {
        name: "a copy into another vault of the plan's stack",
        plant: (stack) => {
          const { attrBackupVaultArn } = new CfnBackupVault(stack, 'Second', { backupVaultName: 'second' })
          backupPlan(attrBackupVaultArn)(stack)
        },
      },
      {
        name: 'a selection by ARN',
        plant: raw('AWS::Backup::BackupSelection', { BackupSelection: { Resources: [`arn:aws:dynamodb:eu-west-1:${WORKLOAD}:table/t`] } }),
      },
      { name: 'a plan without copies', plant: raw('AWS::Backup::BackupPlan', { BackupPlan: { BackupPlanRule: [{ RuleName: 'daily' }] } }) },
    ],
  },
  {
    rule: endpointStaysInRegion,
    refuses: [
      {
        name: 'a service region of elsewhere',
        plant: raw('AWS::EC2::VPCEndpoint', {
          ServiceName: 'com.amazonaws.eu-west-1.kms',
          ServiceRegion: 'us-east-1',
          PolicyDocument: POLICY,
        }),
        finds: ['ServiceRegion::us-east-1'],
      },
      {
        name: "another region's service",
        plant: raw('AWS::EC2::VPCEndpoint', { ServiceName: 'com.amazonaws.eu-west-2.kms', PolicyDocument: POLICY }),
        finds: ['Service::com.amazonaws.eu-west-2.kms'],
      },
      {
        name: 'a profile, a model of elsewhere, and all models through an endpoint of Bedrock',
        plant: raw('AWS::EC2::VPCEndpoint', {
          ServiceName: 'com.amazonaws.eu-west-1.bedrock-runtime',
          PolicyDocument: {
            Statement: [
              {
                Effect: 'Allow',
                Principal: '*',
                Action: 'bedrock:InvokeModel',
                Resource: [
                  `arn:aws:bedrock:eu-west-1:${WORKLOAD}:inference-profile/eu.amazon.nova-lite-v1:0`,
                  'arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0',
                  'arn:aws:bedrock:eu-west-1::foundation-model/*',
                ],
              },
            ],
          },
        }),
        finds: [
          `Model::arn:aws:bedrock:eu-west-1:${WORKLOAD}:inference-profile/eu.amazon.nova-lite-v1:0`,
          'Model::arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0',
          'Model::arn:aws:bedrock:eu-west-1::foundation-model/*',
        ],
      },
      {
        name: 'an endpoint that lets everything through',
        plant: raw('AWS::EC2::VPCEndpoint', { ServiceName: 'com.amazonaws.eu-west-1.kms' }),
        finds: ['NoPolicy'],
      },
    ],
    accepts: [
      {
        name: "the region's own service",
        plant: raw('AWS::EC2::VPCEndpoint', {
          ServiceName: { 'Fn::Join': ['', ['com.amazonaws.', { Ref: 'AWS::Region' }, '.s3']] },
          PolicyDocument: POLICY,
        }),
      },
    ],
  },
  {
    rule: edgeServesDocumentsAlone,
    refuses: [
      {
        name: 'calls by POST, with whatever a request brings, to a region',
        plant: distribution({
          Origins: [{ Id: 'region', DomainName: 'eu-west-1.aegis.example' }],
          DefaultCacheBehavior: {
            TargetOriginId: 'region',
            AllowedMethods: ['GET', 'POST'],
            CachePolicyId: 'managed',
            OriginRequestPolicyId: 'all',
          },
        }),
        finds: ['Method::default::POST', 'OriginRequestPolicyId::default', 'CachePolicyId::default', 'Default::eu-west-1.aegis.example'],
      },
      {
        name: 'a path that is no document, and a pattern over documents',
        plant: distribution({
          CacheBehaviors: ['/v1/*', '/eu-west-1/.well-known/*'].map((PathPattern) => ({ ...DOCUMENT, PathPattern })),
        }),
        finds: ['Path::/v1/*', 'Path::/eu-west-1/.well-known/*'],
      },
      {
        name: 'a cache policy that keeps the token of a request',
        plant: raw('AWS::CloudFront::CachePolicy', {
          CachePolicyConfig: {
            ParametersInCacheKeyAndForwardedToOrigin: {
              HeadersConfig: { HeaderBehavior: 'whitelist', Headers: ['authorization'] },
              CookiesConfig: { CookieBehavior: 'all' },
              QueryStringsConfig: { QueryStringBehavior: 'none' },
            },
          },
        }),
        finds: ['Forwards::Header', 'Forwards::Cookie'],
      },
    ],
    accepts: [
      {
        name: 'a document of a region, and nothing behind the rest',
        plant: distribution({ CacheBehaviors: [{ ...DOCUMENT, PathPattern: '/eu-west-1/.well-known/jwks.json' }] }),
      },
    ],
  },
  {
    rule: exporterStaysInRegion,
    refuses: [
      {
        name: 'a destination that is kept in a secret',
        plant: container({ Secrets: [{ Name: 'OTEL_EXPORTER_OTLP_ENDPOINT', ValueFrom: 'x' }] }),
        finds: ['OTEL_EXPORTER_OTLP_ENDPOINT::secret'],
      },
      {
        name: 'variables out of a file',
        plant: container({ EnvironmentFiles: [{ Type: 's3', Value: 'arn:aws:s3:::x/y.env' }] }),
        finds: ['EnvironmentFiles'],
      },
      {
        name: "somebody else's log driver",
        plant: container({ LogConfiguration: { LogDriver: 'splunk', Options: { 'splunk-url': 'https://vendor.example' } } }),
        finds: ['LogDriver::splunk'],
      },
      {
        name: 'an SDK that exports to a host of somebody else',
        plant: task({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.vendor.example:4317' }),
        finds: ['OTEL_EXPORTER_OTLP_ENDPOINT::https://otlp.vendor.example:4317'],
      },
      {
        name: 'a collector that exports to the global endpoint of a service',
        plant: collector('  otlphttp/xray:\n    traces_endpoint: https://xray.amazonaws.com/v1/traces\n'),
        finds: ['otlphttp/xray::https://xray.amazonaws.com/v1/traces'],
      },
      {
        name: 'a collector with a region of its own',
        plant: collector('  awsxray:\n    region: us-east-1\n'),
        finds: ['awsxray::us-east-1'],
      },
      {
        name: "the gateways' collector with the configuration of another region",
        plant: task({ COLLECTOR_CONFIG: collectorConfig(deployment, 'us-east-1', 'us') }),
        finds: ['awsemf::us-east-1', 'awsxray::us-east-1'],
      },
      {
        name: "a host that only begins like the region's",
        plant: collector('  otlphttp:\n    endpoint: https://xray.eu-west-1.amazonaws.com.evil.example\n'),
        finds: ['otlphttp::https://xray.eu-west-1.amazonaws.com.evil.example'],
      },
      {
        name: 'a configuration that is kept in a parameter',
        plant: raw('AWS::SSM::Parameter', { Type: 'String', Value: '{"exporters":{"otlp":{"endpoint":"otlp.vendor.example:4317"}}}' }),
        finds: ['otlp::otlp.vendor.example:4317'],
      },
      {
        name: 'a configuration that cannot be read',
        plant: task({}, ['--config=yaml:exporters:', '\nexporters: [a, b']),
        finds: ['Aegis-ExporterStaysInRegion'],
      },
    ],
    accepts: [
      {
        name: "the gateways' collector and what tells them of it",
        plant: task({ COLLECTOR_CONFIG: collectorConfig(deployment, 'eu-west-1', 'eu'), ...EXPORT_ENVIRONMENT }),
      },
      { name: 'the collector beside the task', plant: task({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }) },
      {
        name: "a collector that exports to its region's services",
        plant: collector(
          `  awsxray:\n    region: eu-west-1\n  awsemf:\n    region: \${env:AWS_REGION}\n  otlphttp:\n    endpoint: https://xray.eu-west-1.amazonaws.com\n`,
        ),
      },
      {
        name: 'a collector whose configuration is joined from pieces',
        plant: (stack) => {
          new CfnResource(stack, 'Parameter', {
            type: 'AWS::SSM::Parameter',
            properties: { Value: { 'Fn::Sub': `exporters:\n  awsxray:\n    region: \${AWS::Region}\n` } },
          })
        },
      },
    ],
  },
]
