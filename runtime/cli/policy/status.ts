import { CommandError, EXIT, type ExitCode } from '../exit-codes.ts'
import type { Status } from './answers.ts'
import { askingIn, type Told } from './control-plane.ts'
import type { Surroundings } from './publish.ts'
import { ownFolders } from './sources.ts'
import { sameStatus, statusLines } from './status-lines.ts'
import { pause, STATUS } from './watch.ts'

export interface StatusOptions {
  stateDir: string
  watch: boolean
  json: boolean
}

/** `aegis policy status`: what is in force where, and what is on its way. @returns held when it has converged */
export async function policyStatus(
  { stateDir, watch, json }: StatusOptions,
  { terminal, out, signal, folders = ownFolders(), pollMs = 1000 }: Surroundings & { pollMs?: number },
): Promise<ExitCode> {
  const ask = askingIn(stateDir, folders)
  const show = ({ value, fields }: Told<Status>) => {
    if (json) return out(JSON.stringify(fields))
    const lines = statusLines(value, { nowMs: Date.now(), columns: terminal.columns })
    if (watch) terminal.show([...lines, '', 'Ctrl-C ends this; nothing else'])
    else for (const line of lines) out(line)
  }
  let told = await ask(STATUS)
  show(told)
  while (watch && (await pause(pollMs, signal))) {
    const before = told.value
    try {
      told = await ask(STATUS)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      terminal.now(`${error.message}; asking on`)
      continue
    }
    // A window shows times as they pass; a log needs only what has changed.
    if ((terminal.live && !json) || !sameStatus(before, told.value)) show(told)
  }
  terminal.end()
  return told.value.converged ? EXIT.held : EXIT.failed
}
