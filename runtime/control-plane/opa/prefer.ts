/**
 * For how long a client is willing to wait, in seconds; undefined when it asks for an answer at once. OPA writes
 * `modes=snapshot,delta;wait=30`, others what RFC 7240 (section 4.3) asks for, `wait=30`. What else it prefers is left aside, as a
 * preference may be: a bundle is always a snapshot.
 */
export function waitSeconds(prefer: string | undefined): number | undefined {
  for (const preference of (prefer ?? '').split(/[;,]/)) {
    const seconds = /^\s*wait\s*=\s*("?)(\d{1,9})\1\s*$/i.exec(preference)?.[2]
    if (seconds !== undefined) return Number(seconds) || undefined
  }
  return undefined
}
