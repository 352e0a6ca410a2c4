const FOLDER = 'inputs'
export const DAY_MS = 24 * 3_600_000

/** A recorded object by its key. */
export interface RecordedObject {
  key: string
  node: string
  /** When the first decision in it was made, milliseconds since the epoch. */
  firstMs: number
}

/** `inputs/<yyyy-mm-dd>/<node>/<first ms>-<n>`. @param n counts what one process puts, so that no two objects share a key */
export function objectName({ node, firstMs, n }: { node: string; firstMs: number; n: number }): string {
  return `${dayFolder(firstMs)}${node}/${firstMs}-${n}`
}

/** What one process recorded on the day of `ms`; without a node, what all of them did. */
export function dayFolder(ms: number, node?: string): string {
  return `${FOLDER}/${new Date(ms).toISOString().slice(0, 10)}/${node === undefined ? '' : `${node}/`}`
}

const NAME = /^inputs\/\d{4}-\d\d-\d\d\/([0-9a-f]{12})\/(\d{1,15})-\d{1,15}$/

/** @returns undefined for a key that no gateway made */
export function parseName(key: string): RecordedObject | undefined {
  const [, node, firstMs] = NAME.exec(key) ?? []
  return node === undefined ? undefined : { key, node, firstMs: Number(firstMs) }
}
