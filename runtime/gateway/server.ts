import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'
import { STSClient } from '@aws-sdk/client-sts'
import closeWithGrace from 'close-with-grace'
import { openSpool } from '../evidence/spool.ts'
import { parseTrustRoot } from '../policy/trust.ts'
import { regionalHighWater } from '../state/high-water.ts'
import { regionalLastGood } from '../state/last-good.ts'
import { s3ObjectStore } from '../state/object-store.ts'
import { CANARY } from '../state/pointers.ts'
import { policyTelemetry, startTelemetry } from '../telemetry/telemetry.ts'
import { type ActivationEvent, activation, pointersReader } from './activation.ts'
import { assemble } from './assembly.ts'
import { systemClock as clock } from './clock.ts'
import { type GatewayConfig, loadConfig } from './config.ts'
import { gatewayHealth } from './gateway-health.ts'
import { pinnedDialer } from './net/dialer.ts'
import { dnsResolver } from './net/resolver.ts'
import { ageS } from './revisions/fleet-report.ts'

// The process of one gateway: the same in every region, on AWS and on one machine. It owns signals, the port and the
// exit code; everything else is wired here and lives elsewhere.

const POLL_INTERVALS = { idleMs: 1000, rolloutMs: 250 }
/** The SDK waits this long for a table or bucket of its own region before it counts it as away. */
const REGIONAL_TIMEOUT_MS = 2000

try {
  await serve(loadConfig())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(2)
}

async function serve(config: GatewayConfig): Promise<void> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  const { region, zone, environment } = config
  const stopTelemetry = config.exportsTelemetry
    ? await startTelemetry({ serviceName: 'aegis-gateway', version, region, zone, environment })
    : undefined
  const identity = { log: `${region}-${randomUUID().slice(0, 13)}`, region, zone, version }
  const spool = await openSpool({ directory: config.spoolDir, log: identity.log })

  const log = (event: object) => console.log(JSON.stringify({ time: new Date().toISOString(), region, ...event }))
  const requestHandler = { connectionTimeout: REGIONAL_TIMEOUT_MS, requestTimeout: REGIONAL_TIMEOUT_MS }
  const dynamodb = new DynamoDBClient({ maxAttempts: 2, requestHandler })
  // Path style, because the bucket's name must not become a host name that some resolver has to know.
  const s3 = new S3Client({ maxAttempts: 2, forcePathStyle: true, requestHandler })
  const policyMetrics = policyTelemetry(() => {
    const active = policies.current()
    return active === undefined ? undefined : ageS(active, clock.now())
  })
  const bundles = { objects: s3ObjectStore(s3, config.bundleBucket), trust: parseTrustRoot(config.trustRoot), zone }
  const policies = activation({
    zone,
    trust: bundles.trust,
    clock,
    pointers: pointersReader(dynamodb, config.globalTable, region, config.ring),
    objects: bundles.objects,
    highWater: regionalHighWater(dynamodb, config.regionStateTable),
    lastGood: regionalLastGood(dynamodb, config.regionStateTable),
    log(event: ActivationEvent) {
      log(event)
      if (event.event === 'refused') policyMetrics.activationRefused(config.ring, event.fault)
      if (event.event === 'candidate_refused') policyMetrics.activationRefused(CANARY, event.fault)
    },
  })
  const dialer = pinnedDialer({ proxy: config.egressProxy })
  const assembly = assemble(
    config,
    {
      dynamodb,
      kms: new KMSClient({ maxAttempts: 2, requestHandler }),
      sts: new STSClient({ maxAttempts: 2, requestHandler }),
      spool,
      bundles,
      inputs: s3ObjectStore(s3, config.inputsBucket),
      resolver: dnsResolver({ servers: config.dnsServers, clock }),
      dialer,
      clock,
      active: policies.current,
      revisions: policies,
      identity,
      log,
    },
    (known) => gatewayHealth({ policies, spool, clock, warnAgeMs: config.bundleWarnAgeMs, ...known }),
  )
  const { app, operator, health } = assembly
  const stopPolling = policies.start(POLL_INTERVALS)
  const stopLooking = assembly.start()

  closeWithGrace({ delay: 20_000, logger: false }, async ({ err }) => {
    if (err !== undefined) console.error(err)
    health.leave()
    await Promise.all([app.close(), operator.close()])
    // What is left of budget leases goes back to the region's slices while its table is still asked.
    await stopLooking()
    await stopPolling()
    await dialer.close()
    await spool.close()
    await stopTelemetry?.()
  })
  // Operators first: whoever sees that agents are served can also stop them.
  await operator.listen({ host: config.host, port: config.operatorPort })
  const address = await app.listen({ host: config.host, port: config.port })
  console.log(JSON.stringify({ time: new Date().toISOString(), region, event: 'listening', address }))
}
