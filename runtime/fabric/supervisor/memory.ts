import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface ProcessMemory {
  pid: number
  /** Bytes resident, pages shared with other processes included. */
  rssBytes: number
  /** Bytes of its own plus its share of the shared ones: these may be added up. Null where the system does not tell. */
  pssBytes: number | null
}

/** What each process occupies now; those that are gone are left out. */
export function memoryOf(pids: readonly number[]): ProcessMemory[] {
  return process.platform === 'linux' ? pids.flatMap(fromSmaps) : fromPs(pids)
}

function fromSmaps(pid: number): ProcessMemory[] {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
    return [{ pid, rssBytes: kib('Rss') * 1024, pssBytes: kib('Pss') * 1024 }]
  } catch {
    return []
  }
}

function fromPs(pids: readonly number[]): ProcessMemory[] {
  if (pids.length === 0) return []
  try {
    const text = execFileSync('ps', ['-o', 'pid=,rss=', '-p', pids.join(',')], { encoding: 'utf8' })
    const rows = text.trim().split('\n')
    return rows.map((row) => {
      const [pid = 0, kib = 0] = row.trim().split(/\s+/).map(Number)
      return { pid, rssBytes: kib * 1024, pssBytes: null }
    })
  } catch {
    return []
  }
}
