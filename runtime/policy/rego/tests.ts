import { z } from 'zod'
import { runOpa } from '../opa.ts'
import type { DocumentFault } from '../yaml-file.ts'
import { opaFaults } from './opa-errors.ts'

/** Lines of Rego that the Rego tests must reach, in percent. */
const COVERAGE_MIN = 95

const testResults = z.array(
  z.object({
    location: z.object({ file: z.string(), row: z.number(), col: z.number() }),
    name: z.string(),
    fail: z.boolean().optional(),
    skip: z.boolean().optional(),
    error: z.object({ message: z.string() }).optional(),
  }),
)

/** Runs the Rego tests of a folder, and asks how much of `gateway/` they reach. */
export async function testFaults(opa: string, dir: string): Promise<{ faults: DocumentFault[]; lines: string[] }> {
  const ran = await runOpa(opa, ['test', '--format', 'json', 'gateway', 'tests'], { cwd: dir })
  const results = testResults.safeParse(jsonOf(ran.stdout))
  if (!results.success) return { faults: opaFaults('test', ran), lines: [] }
  const faults = results.data.flatMap(({ location, name, fail, skip, error }): DocumentFault[] => {
    const why =
      error !== undefined
        ? `ended in an error: ${error.message}`
        : fail
          ? 'fails'
          : skip
            ? 'is skipped (todo_); finish or remove it'
            : undefined
    return why === undefined ? [] : [{ file: location.file, line: location.row, column: location.col, path: '', message: `${name} ${why}` }]
  })
  if (faults.length > 0) return { faults, lines: [] }
  if (ran.code !== 0) return { faults: opaFaults('test', ran), lines: [] }
  const coverage = await runOpa(opa, ['test', '--coverage', '--format', 'json', 'gateway', 'tests'], { cwd: dir })
  if (coverage.code !== 0) return { faults: opaFaults('test --coverage', coverage), lines: [] }
  const report = coverageReport.parse(JSON.parse(coverage.stdout))
  const covered = gatewayCoverage(report)
  if (covered < COVERAGE_MIN) return { faults: uncovered(report, covered), lines: [] }
  return { faults: [], lines: [`PASS: ${results.data.length}/${results.data.length}`, `coverage of gateway/: ${covered.toFixed(1)} %`] }
}

const coverageReport = z.object({
  files: z.record(
    z.string(),
    z.object({
      covered_lines: z.number().default(0),
      not_covered_lines: z.number().default(0),
      not_covered: z.array(z.object({ start: z.object({ row: z.number() }) })).default([]),
    }),
  ),
})

/** Tests cover themselves, so only the library counts. */
export function gatewayCoverage(report: unknown): number {
  const files = library(coverageReport.parse(report))
  const covered = files.reduce((sum, [, file]) => sum + file.covered_lines, 0)
  const missed = files.reduce((sum, [, file]) => sum + file.not_covered_lines, 0)
  return (100 * covered) / Math.max(1, covered + missed)
}

/** One fault a file, at the first line that no test reaches. */
function uncovered(report: z.output<typeof coverageReport>, covered: number): DocumentFault[] {
  const asked = `tests reach ${covered.toFixed(1)} % of gateway/, at least ${COVERAGE_MIN} % is asked`
  return library(report).flatMap(([file, { not_covered }]): DocumentFault[] => {
    const lines = not_covered.map(({ start }) => start.row).sort((a, b) => a - b)
    const [line] = lines
    if (line === undefined) return []
    return [
      { file, line, column: 1, path: '', message: `${asked}; none reaches line ${lines.slice(0, 10).join(', ')}; add a test in tests/` },
    ]
  })
}

function library({ files }: z.output<typeof coverageReport>) {
  return Object.entries(files).filter(([path]) => path.startsWith('gateway/'))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
