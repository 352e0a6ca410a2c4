import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// The `aegis` command. It owns arguments, messages and the exit code; each command lives in its own file and is loaded
// only when asked for, from sources that an earlier start has compiled.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/aegis', import.meta.url)))

const { runCommandLine } = await import('./run.ts')
process.exit(await runCommandLine(process.argv.slice(2)))
