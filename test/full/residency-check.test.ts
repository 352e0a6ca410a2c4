import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { childEnvironment } from '../../runtime/fabric/supervisor/config.ts'
import { runBounded } from './support/run-bounded.ts'
import { type ScratchCopy, scratchCopy } from './support/scratch-copy.ts'

// Somebody moves personal data out of its region in the code, and runs what everybody runs before a commit. The rules themselves are tested in
// test/nag; here the whole command is, on a copy of the repository. It takes half a minute.

const CHECK_MAX_MS = 240_000
const TABLE = 'lib/constructs/residency-table.ts'

let copy: ScratchCopy
beforeAll(() => {
  copy = scratchCopy()
})
afterAll(() => copy.remove())

test(
  'refuses, in npm run check, a table of personal data that is moved to another jurisdiction, and names the rule',
  async () => {
    const made = 'pinLogicalId(this.table, props.logicalId)\n'
    const source = copy.read(TABLE)
    expect(source).toContain(made)
    const moved = [
      'const made = this.table.node.defaultChild as unknown as { addPropertyOverride(path: string, value: string): void }',
      "if (props.tableName.includes('eu-west-1')) made.addPropertyOverride('Replicas.0.Region', 'us-east-1')",
    ]
    copy.write(TABLE, source.replace(made, [made.trim(), ...moved, ''].join('\n    ').trimEnd().concat('\n')))
    const { code, output } = await runBounded([process.execPath, 'scripts/check.ts', '--no-tests'], {
      cwd: copy.folder,
      env: childEnvironment({ NO_COLOR: '1' }),
      timeoutMs: CHECK_MAX_MS,
    })
    expect(output).toContain('Aegis-ResidencyTableHasNoReplica')
    expect(output).toMatch(/FAILED {2}synth with nag packs/)
    // The move alone is what is refused: every finding is about it.
    const findings = [...output.matchAll(/Acknowledge with '(.*?)'/g)].map(([, id = '']) => id)
    expect(findings.filter((id) => !id.includes('us-east-1'))).toEqual([])
    expect(output).toMatch(/check: \d of 3 parts failed: .*synth with nag packs/)
    expect(code).toBe(1)
  },
  CHECK_MAX_MS,
)
