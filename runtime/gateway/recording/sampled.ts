/** Is this one of the `percent` of a hundred decisions that are recorded? The same answer for the same id, wherever it is asked. */
export function isSampled(decisionId: string, percent: number): boolean {
  if (percent >= 100) return true
  return fnv1a(decisionId) % 10_000 < percent * 100
}

/** FNV-1a, 32 bits, over the UTF-16 units of the text, and mixed once more, since the last digits of all ids of a process are the same. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
