import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PLACEHOLDER_TRUST_ROOT } from '../../config/trust.ts'
import { cdkContext } from '../support/cdk-context.ts'

const APP = new URL('../../bin/aegis.ts', import.meta.url).pathname

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-bin-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the app as the CLI does, with `-c key=value` for each entry. */
function run(context: Record<string, string>) {
  const outdir = join(folder, 'cdk.out')
  const env = { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify({ ...cdkContext(), ...context }) }
  const { status, stdout, stderr } = spawnSync(process.execPath, [APP], { env, encoding: 'utf8' })
  return { status, lines: `${stdout}${stderr}`.trim().split('\n'), outdir }
}

describe('the app', () => {
  it('refuses an environment that config does not have, in one line', () => {
    expect(run({ environment: 'staging' })).toMatchObject({
      status: 2,
      lines: ['config/deployment.ts: environments: no environment "staging", there are prod'],
    })
  })

  it('refuses a trust file that is not there, in one line', () => {
    const trustFile = join(folder, 'absent.json')
    expect(run({ trustFile })).toMatchObject({
      status: 2,
      lines: [`${trustFile}: there is no such file; write the JWKS of the bundle signing keys there`],
    })
  })

  it('refuses a trust file with several faults, a line each', () => {
    const trustFile = join(folder, 'faulty.json')
    writeFileSync(trustFile, JSON.stringify({ keys: [{ ...PLACEHOLDER_TRUST_ROOT.keys[0], d: 'secret', crv: 'P-384' }] }))
    const { status, lines } = run({ trustFile })
    expect(status).toBe(2)
    expect(lines).toHaveLength(2)
    expect(lines).toContain(`${trustFile}: keys.0.d: is a private key; only public keys belong here`)
    expect(lines.join()).not.toContain('secret')
  })

  // All that comes with a synth judges it: CDK's own rules of CloudFormation and every nag pack.
  it('breaks no rule, and puts the trust file into the task definition', () => {
    const trustFile = join(folder, 'trust.json')
    const trustRoot = { keys: [{ ...PLACEHOLDER_TRUST_ROOT.keys[0], kid: 'pinned' }] }
    writeFileSync(trustFile, JSON.stringify(trustRoot))
    const { status, outdir } = run({ trustFile })
    expect(status).toBe(0)
    const template = JSON.parse(readFileSync(join(outdir, 'aegis-prod-gateway-us-east-1.template.json'), 'utf8'))
    expect(JSON.stringify(template)).toContain(JSON.stringify(JSON.stringify(trustRoot)))
    expect(template.Metadata['aegis:placeholders']).toEqual(['hostedZoneId'])
  })
})
