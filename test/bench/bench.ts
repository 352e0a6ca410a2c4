// `npm run bench [-- decision|dlp|replay|publish] [--write] [--seconds N] [--rounds N]`: every number that the docs quote comes from here.

const benches: Record<string, (options: BenchOptions) => Promise<void>> = {
  decision: async (options) => (await import('./decision.ts')).benchDecision(options),
  dlp: async () => (await import('./dlp.ts')).benchDlp(),
  publish: async (options) => (await import('./publish.ts')).benchPublish(options),
  replay: async (options) => (await import('./replay.ts')).benchReplay(options),
}

export interface BenchOptions {
  /** Seconds of load in one round. */
  seconds: number
  /** Interleaved rounds of each contender; ratios are medians over them. */
  rounds: number
  /** Writes the table into docs/benchmarks.md. */
  write: boolean
}

const args = process.argv.slice(2)
const number = (flag: string, fallback: number) => {
  const at = args.indexOf(flag)
  return at === -1 ? fallback : Number(args[at + 1])
}
const options: BenchOptions = { seconds: number('--seconds', 4), rounds: number('--rounds', 5), write: args.includes('--write') }
const chosen = args.filter((arg) => arg in benches)
const unknown = args.find((arg) => !arg.startsWith('--') && !(arg in benches) && Number.isNaN(Number(arg)))
if (unknown !== undefined || !(options.seconds > 0) || !(options.rounds >= 1)) {
  console.error(`usage: npm run bench -- [${Object.keys(benches).join('|')}] [--write] [--seconds N] [--rounds N]`)
  process.exit(2)
}
for (const name of chosen.length > 0 ? chosen : Object.keys(benches)) await benches[name]?.(options)
