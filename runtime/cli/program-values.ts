import { fileURLToPath } from 'node:url'
import { InvalidArgumentError, Option } from 'commander'

/** Of the clone, wherever the command is run from. */
const STATE_DIR = fileURLToPath(new URL('../../.aegis', import.meta.url))

export const stateDirOption = () =>
  new Option('--state-dir <folder>', 'where the fabric keeps its keys, state and files').default(STATE_DIR, '.aegis of this clone')

export function wholeOf(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('must be a whole number')
  return Number(text)
}

/** From 1. */
export function countOf(text: string): number {
  const count = wholeOf(text)
  if (count < 1) throw new InvalidArgumentError('must be 1 or more')
  return count
}
