import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** Where and with what a drill ran. Numbers without these cannot be compared. */
export interface RunFacts {
  aegis: string
  node: string
  system: string
  cpu: string
  memoryGiB: number
  /** What the system under test says of itself. */
  fabric: Readonly<Record<string, string>>
}

export function runFacts(fabric: Readonly<Record<string, string>>): RunFacts {
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
  return {
    aegis: manifest.version,
    node: process.version,
    system: `${type()} ${release()}`,
    cpu: `${availableParallelism()} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    fabric,
  }
}
