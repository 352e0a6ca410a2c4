import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { CommandError } from '../exit-codes.ts'

/**
 * Written aside and then put in its place, so that no synth reads half of it.
 * @returns whether the file has changed
 * @throws CommandError when it cannot be written: it is as it was then, and nothing lies beside it
 */
export function putJson(path: string, value: object): boolean {
  const text = `${JSON.stringify(value, null, 2)}\n`
  const aside = `${path}.new`
  try {
    if (existsSync(path) && readFileSync(path, 'utf8') === text) return false
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(aside, text)
    renameSync(aside, path)
    return true
  } catch (error) {
    if (existsSync(aside)) rmSync(aside, { force: true })
    throw new CommandError(`${path} cannot be written, and is as it was: ${(error as Error).message}`)
  }
}
