import { execFileSync } from 'node:child_process'
import { isProcessAlive } from '../fabric/process-alive.ts'

/**
 * Calls back when the npm that started this process is gone. npm passes signals on, but it cannot pass on a SIGKILL, and then
 * the fabric would run on with nobody to end it. Does nothing when no npm started it.
 */
export function watchLauncher(onGone: () => void, everyMs = 1000): void {
  const npm = npmAbove(process.ppid, 2)
  if (npm === undefined) return
  const timer = setInterval(() => {
    if (isProcessAlive(npm)) return
    clearInterval(timer)
    onGone()
  }, everyMs)
  timer.unref()
}

/** npm is the parent, or the parent of the shell that runs the script. */
function npmAbove(pid: number, generations: number): number | undefined {
  if (generations === 0 || pid <= 1) return undefined
  try {
    const [parent = '', ...args] = execFileSync('ps', ['-o', 'ppid=,args=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/)
    if (/(^|\/)npm(-cli\.js)?$/.test(args[0] ?? '') || /(^|\/)npm(-cli\.js)?$/.test(args[1] ?? '')) return pid
    return npmAbove(Number(parent), generations - 1)
  } catch {
    return undefined
  }
}
