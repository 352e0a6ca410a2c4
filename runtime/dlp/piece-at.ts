/** @param starts where each piece begins, ascending. @returns index of the piece that holds a unit */
export function pieceAt(starts: readonly number[], unit: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] as number) <= unit) low = middle
    else high = middle - 1
  }
  return low
}
