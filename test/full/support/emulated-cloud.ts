import { devNull } from 'node:os'
import { join } from 'node:path'
import { childEnvironment } from '../../../runtime/fabric/supervisor/config.ts'
import { type ForeignServer, startForeignServer } from './foreign-server.ts'
import { runWell } from './run-bounded.ts'

/** Whose the request is, and where it goes. */
export interface Place {
  account: string
  region: string
}

/** An emulator of AWS with an account for every access key of twelve digits. */
export interface EmulatedCloud {
  url: string
  /** Options of an SDK client for an account and region. */
  client(place: Place): {
    region: string
    endpoint: string
    credentials: { accessKeyId: string; secretAccessKey: string }
    maxAttempts: number
  }
  /** Environment of a process that works in an account. */
  environment(place: Place): Record<string, string>
  /** The real CDK CLI. @returns what it wrote @throws Error when it fails */
  cdk(place: Place, cwd: string, args: readonly string[]): Promise<string>
  /** The query protocol of IAM and CloudFormation. @returns the XML of the answer, whatever its status */
  query(place: Place, service: string, parameters: Readonly<Record<string, string>>): Promise<string>
  /** The JSON protocol of Secrets Manager. */
  secret(place: Place, name: string): Promise<string>
  /** Route 53's REST protocol. @param path from `/2013-04-01` on @returns XML */
  route53(account: string, path: string): Promise<string>
  close(): Promise<void>
}

const CDK = join(import.meta.dirname, '../../../node_modules/.bin/cdk')
const CLI_MAX_MS = 120_000
const ANSWER_MAX_MS = 20_000

/** @param ministack path of the emulator */
export async function startEmulatedCloud(ministack: string): Promise<EmulatedCloud> {
  const server: ForeignServer = await startForeignServer((port) => ({
    file: ministack,
    args: [],
    // Two further listeners, on fixed ports, are off.
    env: { BIND_HOST: '127.0.0.1', GATEWAY_PORT: String(port), IOT_MTLS_ENABLED: '0', SFTP_ENABLED: '0' },
  }))
  const { url } = server
  const environment = ({ account, region }: Place) => ({
    ...childEnvironment(),
    AWS_ACCESS_KEY_ID: account,
    AWS_SECRET_ACCESS_KEY: 'emulated',
    AWS_REGION: region,
    AWS_ENDPOINT_URL: url,
  })
  const ask = async (place: Place, service: string, path: string, init: RequestInit = {}) => {
    const authorization = `AWS4-HMAC-SHA256 Credential=${place.account}/20260101/${place.region}/${service}/aws4_request, SignedHeaders=host, Signature=0`
    const headers = { ...init.headers, authorization }
    return (await fetch(`${url}${path}`, { ...init, headers, signal: AbortSignal.timeout(ANSWER_MAX_MS) })).text()
  }
  return {
    url,
    client: ({ account, region }) => ({
      region,
      endpoint: url,
      credentials: { accessKeyId: account, secretAccessKey: 'emulated' },
      maxAttempts: 1,
    }),
    environment,
    // Without CDK's own rules of CloudFormation, which have judged these templates in test/stacks and take seconds of each synth.
    cdk: (place, cwd, args) =>
      runWell([CDK, ...args, '--no-notices', '--no-color'], {
        cwd,
        env: { ...environment(place), CI: 'true', CDK_DISABLE_CLI_TELEMETRY: '1', AWS_CONFIG_FILE: devNull, CDK_VALIDATION: 'false' },
        timeoutMs: CLI_MAX_MS,
      }),
    query: (place, service, parameters) => ask(place, service, '/', { method: 'POST', body: new URLSearchParams(parameters) }),
    async secret(place, name) {
      const text = await ask(place, 'secretsmanager', '/', {
        method: 'POST',
        headers: { 'x-amz-target': 'secretsmanager.GetSecretValue', 'content-type': 'application/x-amz-json-1.1' },
        body: JSON.stringify({ SecretId: name }),
      })
      const { SecretString } = JSON.parse(text) as { SecretString?: string }
      if (SecretString === undefined) throw new Error(`no secret ${name}: ${text}`)
      return SecretString
    },
    route53: (account, path) => ask({ account, region: 'us-east-1' }, 'route53', `/2013-04-01${path}`),
    close: server.close,
  }
}
