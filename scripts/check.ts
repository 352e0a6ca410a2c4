// `npm run check`: everything that must hold before a commit, in one command. `-- --no-tests` leaves out jest, for whoever runs `npm test` beside it.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Step {
  name: string
  command: string[]
  /** Shows the output while it runs, not only after a failure. */
  live?: boolean
}

interface Result {
  name: string
  ok: boolean
}

const ROOT = join(import.meta.dirname, '..')
const NODE = process.execPath

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== '--no-tests')
  if (unknown !== undefined) {
    console.error(`check: unknown argument ${JSON.stringify(unknown)}; there is only --no-tests`)
    return 2
  }
  const out = mkdtempSync(join(tmpdir(), 'aegis-synth-'))
  try {
    // Synthesis uses one core, and the linter and the compiler are quick: together they keep two cores busy.
    const [quick, synth] = await Promise.all([runAll(quickSteps), run(synthStep(out))])
    // The tests come last and alone: they start processes of their own and some watch the clock.
    const tests = args.includes('--no-tests') ? [] : [await run(testStep)]
    return summarize([...quick, synth, ...tests])
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

const quickSteps: Step[] = [
  { name: 'lint, format and import rules', command: [bin('biome'), 'check', '--error-on-warnings'] },
  { name: 'types', command: [bin('tsc')] },
]

/** A finding of a nag pack that nobody acknowledged fails the synthesis. */
function synthStep(outDir: string): Step {
  return { name: 'synth with nag packs', command: [bin('cdk'), 'synth', '--quiet', '--no-notices', '--output', outDir] }
}

const testStep: Step = {
  name: 'tests',
  command: [NODE, '--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'],
  live: true,
}

async function runAll(steps: readonly Step[]): Promise<Result[]> {
  const results: Result[] = []
  for (const step of steps) results.push(await run(step))
  return results
}

function run({ name, command: [file = '', ...args], live = false }: Step): Promise<Result> {
  const started = performance.now()
  const child = spawn(file, args, { cwd: ROOT, stdio: live ? 'inherit' : ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => output.push(chunk))
  return new Promise((resolve) => {
    const end = (ok: boolean, why: string) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      if (!ok) process.stdout.write(Buffer.concat(output))
      console.log(ok ? `ok      ${name} (${seconds} s)` : `FAILED  ${name} (${seconds} s): ${why}`)
      resolve({ name, ok })
    }
    child.once('error', (error) => end(false, `${file} does not start: ${error.message}`))
    child.once('close', (code, signal) => end(code === 0, `ended with ${signal ?? `code ${code}`}`))
  })
}

function summarize(results: readonly Result[]): number {
  const failed = results.filter(({ ok }) => !ok)
  if (failed.length === 0) console.log(`check: all ${results.length} parts hold`)
  else console.log(`check: ${failed.length} of ${results.length} parts failed: ${failed.map(({ name }) => name).join('; ')}`)
  return failed.length === 0 ? 0 : 1
}

function bin(name: string): string {
  return join(ROOT, 'node_modules/.bin', name)
}

process.exitCode = await main(process.argv.slice(2))
