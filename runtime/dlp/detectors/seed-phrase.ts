import { validateMnemonic } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { TOPIC } from '../context-words.ts'
import { contextAt, type Detector } from '../subject.ts'

const WORDS = new Set(wordlist)
const SIZES = [24, 21, 18, 15, 12]
/** Starts that are tried in one run of words. Text does not have this many words of the list in a row. */
const STARTS_MAX = 64
const CHECK_UNITS = 2500

/** Seed phrases of wallets (BIP-39, English list): 12 to 24 words whose last bits are a checksum, whatever stands between them. */
export const detectSeedPhrase: Detector = (subject, report) => {
  const { text, survey, meter } = subject
  const { wordRuns } = survey
  for (let index = 0; index < wordRuns.length; index += 2) {
    const runStart = wordRuns[index] as number
    const runEnd = wordRuns[index + 1] as number
    meter.spend((runEnd - runStart) * 2)
    let words: { word: string; start: number; end: number }[] = []
    const close = () => {
      if (words.length >= 12) judge(words)
      words = []
    }
    for (const match of text.slice(runStart, runEnd).matchAll(/[A-Za-z]+/g)) {
      const word = match[0].toLowerCase()
      if (WORDS.has(word)) words.push({ word, start: runStart + match.index, end: runStart + match.index + word.length })
      else close()
    }
    close()
  }

  function judge(words: readonly { word: string; start: number; end: number }[]): void {
    for (let first = 0; first + 12 <= words.length && first < STARTS_MAX; first++) {
      for (const size of SIZES) {
        const last = words[first + size - 1]
        if (last === undefined) continue
        meter.spend(CHECK_UNITS)
        const phrase = words.slice(first, first + size)
        if (!validateMnemonic(phrase.map(({ word }) => word).join(' '), wordlist)) continue
        report('seed_phrase', words[0]?.start ?? 0, words.at(-1)?.end ?? 0, 0.99)
        return
      }
    }
    const start = words[0]?.start ?? 0
    const end = words.at(-1)?.end ?? 0
    // A phrase with a slip in it, or one among words that hide it.
    if (words.length > 24 || (contextAt(subject, start, end, 64, 32).topics & TOPIC.seed) !== 0) report('seed_phrase', start, end, 0.6)
  }
}
