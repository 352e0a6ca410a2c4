import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The HEALTHCHECK of a Dockerfile as a task definition has it. @param dockerfile path from the root of the repository */
export function healthCheckOf(dockerfile: string): Record<string, unknown> {
  const text = readFileSync(join(import.meta.dirname, '../..', dockerfile), 'utf8').replaceAll('\\\n', '')
  const [, options = '', command = ''] = /^HEALTHCHECK ((?:--\S+ +)*) *CMD (\[.*\])$/m.exec(text) ?? []
  const of = (name: string) => Number(new RegExp(`--${name}=(\\d+)s?(?= |$)`).exec(options)?.[1])
  return {
    Command: ['CMD', ...JSON.parse(command)],
    Interval: of('interval'),
    Timeout: of('timeout'),
    Retries: of('retries'),
    StartPeriod: of('start-period'),
  }
}
