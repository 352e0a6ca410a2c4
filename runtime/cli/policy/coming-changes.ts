import { CommandError } from '../exit-codes.ts'
import { SILENT, type Terminal } from '../terminal.ts'
import { diffAnswer } from './answers.ts'
import { changeCounts, changeLines } from './changes.ts'
import type { Ask } from './control-plane.ts'

const SHOWN_CHANGES = 12

/** What is about to hold, in words. A look that a rollout does not depend on. */
export async function sayChanges({
  ask,
  from,
  to,
  terminal,
}: {
  ask: Ask
  from: string | null
  to: string
  terminal: Terminal
}): Promise<void> {
  if (from === null || terminal === SILENT) return
  const path = `/v1/diff?from=${from}&to=${to}`
  const told = await ask({ as: 'viewer', method: 'GET', path, answer: diffAnswer, doing: `comparing ${from} with ${to}` }).catch(
    (error) => {
      if (error instanceof CommandError) return undefined
      throw error
    },
  )
  if (told === undefined) return terminal.say('the changes could not be shown in words')
  const { changes } = told.value
  const lines = changeLines(changes, terminal.columns)
  if (changes.length > 0) terminal.say(`changes   ${changeCounts(changes)}`)
  for (const line of lines.slice(0, SHOWN_CHANGES)) terminal.say(`  ${line}`)
  if (lines.length > SHOWN_CHANGES) terminal.say(`  ... all of it: npm run policy -- diff ${from} ${to}`)
}
