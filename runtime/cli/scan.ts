import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { CustomClass } from '../dlp/custom-class.ts'
import { createScanner, DlpLimitError, type Scanner } from '../dlp/scan.ts'
import { parseStrictJson, StrictJsonError } from '../model/strict-json.ts'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'

export interface ScanOptions {
  /** A path, or `-` for standard input. */
  file: string
  /** One `{"findings": [...]}` for each line, even on a terminal. Anything but a terminal gets that anyway. */
  json: boolean
  /** @default whether standard output is one */
  terminal?: boolean
  /** Data classes of the deployment's documents. */
  custom?: readonly CustomClass[]
  stdin?: NodeJS.ReadableStream
}

const DEPTH_MAX = 64

/**
 * `aegis scan`: which data would be found in each line of a JSON Lines text. Empty lines are passed over.
 * @throws CommandError (usage, exit code 2) naming the line that is no JSON or takes more work than a call is given
 */
export async function scan(
  { file, json, terminal = process.stdout.isTTY, custom = [], stdin = process.stdin }: ScanOptions,
  out: (line: string) => void,
): Promise<ExitCode> {
  const scanner = createScanner({ custom })
  const lines = (await read(file, stdin)).split('\n')
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    const { findings } = scanLine(scanner, line, index + 1)
    if (json || !terminal) {
      out(JSON.stringify({ findings }))
      continue
    }
    if (findings.length === 0) out(`line ${index + 1}: nothing`)
    for (const { path, class: name, span, layer, confidence } of findings) {
      out(
        `line ${index + 1}: ${name} at ${path === '' ? 'the value itself' : path} [${span[0]}, ${span[1]}), ${layer}, confidence ${confidence}`,
      )
    }
  }
  return EXIT.held
}

function scanLine(scanner: Scanner, line: string, number: number) {
  try {
    return scanner.scan(parseStrictJson(Buffer.from(line), { maxDepth: DEPTH_MAX }))
  } catch (error) {
    if (error instanceof StrictJsonError) throw new CommandError(`line ${number}: ${error.message}`)
    if (error instanceof DlpLimitError) throw new CommandError(`line ${number}: ${error.message}`)
    throw error
  }
}

async function read(file: string, stdin: NodeJS.ReadableStream): Promise<string> {
  if (file === '-') return text(stdin)
  try {
    return await readFile(file, 'utf8')
  } catch {
    throw new CommandError(`${file} cannot be read`)
  }
}
