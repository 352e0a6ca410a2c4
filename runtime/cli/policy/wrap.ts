/** Words in lines of at most so many cells; lines after the first begin under the text. A longer word stands alone. */
export function wrap(lead: string, text: string, columns: number): string[] {
  const room = Math.max(20, columns - lead.length)
  const lines: string[] = []
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.length === 0 ? [lead.trimEnd()] : lines.map((line, at) => (at === 0 ? lead : ' '.repeat(lead.length)) + line)
}
