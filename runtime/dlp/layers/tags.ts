import { type View, ViewBuilder } from './view.ts'

const TAGS = /[\u{e0020}-\u{e007e}]+/gu

/** Text written in tag characters (Unicode 23.9), which nobody sees and models read. Undefined when there is none. */
export function readTags(text: string): View | undefined {
  if (!text.includes('\udb40')) return undefined
  const view = new ViewBuilder()
  let found = false
  for (const match of text.matchAll(TAGS)) {
    let at = match.index
    for (const character of match[0]) {
      view.instead(String.fromCharCode((character.codePointAt(0) as number) - 0xe0000), at, at + 2)
      at += 2
    }
    found = true
  }
  return found ? view.build('tags', false) : undefined
}
