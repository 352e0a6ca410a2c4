import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Collects garbage now and returns free pages to the system. V8 by itself waits for an idle process to allocate again. */
export function giveBackMemory(): void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: { type: string }) => void
  gc({ type: 'major' })
}
