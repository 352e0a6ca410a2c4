import { flushCompileCache } from 'node:module'
import { giveBackMemory } from './memory-return.ts'

// Loaded with `--import` into a process that knows nothing of the fabric, so that it never outlives its supervisor.
// The kernel closes the IPC channel however the parent ends, SIGKILL included: the one sign that can be relied on.

const GRACE_MS = 3000

if (process.channel !== undefined) {
  process.once('disconnect', () => {
    // SIGTERM first: the process may have records to sync. After that there is no more waiting.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref()
    process.kill(process.pid, 'SIGTERM')
  })
}

// Once the start is over: Node writes its compile cache only at a graceful end, and these processes are as often killed;
// and what the start has left on the heap is given back, as a dozen processes share one machine.
const STARTED_BY_MS = 5000
setTimeout(() => {
  flushCompileCache()
  giveBackMemory()
}, STARTED_BY_MS).unref()
