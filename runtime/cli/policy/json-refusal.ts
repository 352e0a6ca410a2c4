import { RefusedError } from './control-plane.ts'

/** With `--json` a refusal is told as JSON too, with its faults; the line for people and the exit code stay as they are. */
export async function withJsonRefusal<T>(json: boolean, out: (line: string) => void, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (json && error instanceof RefusedError) out(JSON.stringify({ error: error.refusal }))
    throw error
  }
}
