// What `npm run test:full` needs and npm does not bring, each at a pinned version in its own folder under .tools/.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface ExternalTool {
  name: string
  /** Also names the folder, so that another version is another folder. */
  version: string
  /** Environment variable by which the tests find it. */
  variable: string
  /** Where it runs, as Node names processors; absent: everywhere. */
  arch?: string
  /** What must be on the machine before it can be installed. */
  needs: { command: string[]; says: RegExp; remedy: string }[]
  /** Commands that install into an empty folder. */
  steps: (folder: string) => string[][]
  /** What the variable names, within the folder. */
  path: string
}

/** Where a tool is, or why it is missing. */
export type Prepared = { path: string } | { why: string }

/** Bounds a download that hangs. */
const STEP_TIMEOUT_MS = 5 * 60_000

const python = { command: ['python3', '--version'], says: /^Python 3\.(9|[1-9]\d)\b/m, remedy: 'install Python 3.9 or later' }
const java = { command: ['java', '-version'], says: /version "(1[7-9]|[2-9]\d)/, remedy: 'install Java 17 or later' }
const go = { command: ['go', 'version'], says: /go1\.(2[6-9]|[3-9]\d)/, remedy: 'install Go 1.26 or later' }
const maven = { command: ['mvn', '--version'], says: /Apache Maven [3-9]/, remedy: 'install Maven 3 or later' }

export const EXTERNAL_TOOLS: readonly ExternalTool[] = [
  {
    // Knows the properties and limits of every CloudFormation type of the templates.
    name: 'cfn-lint',
    version: '1.58.0',
    variable: 'AEGIS_CFN_LINT',
    needs: [python],
    steps: (folder) => venv(folder, 'cfn-lint==1.58.0'),
    path: 'bin/cfn-lint',
  },
  {
    // An AWS emulator: a second implementation of the KMS and S3 that the gateway's clients speak to.
    name: 'ministack',
    version: '1.5.33',
    variable: 'AEGIS_MINISTACK',
    needs: [python],
    steps: (folder) => venv(folder, 'ministack==1.5.33', 'cryptography==50.0.2'),
    path: 'bin/ministack',
  },
  {
    // AWS's own engine: a second opinion on every conditional write.
    name: 'dynamodb-local',
    version: '3.1.0',
    variable: 'AEGIS_DYNAMODB_LOCAL',
    // Its native SQLite comes for x86-64 alone.
    arch: 'x64',
    needs: [java, maven],
    steps: (folder) => [
      [
        'mvn',
        '-q',
        '-B',
        '-f',
        join(import.meta.dirname, 'dynamodb-local.pom.xml'),
        'dependency:copy-dependencies',
        '-DincludeScope=runtime',
        '-Dengine.version=3.1.0',
        `-DoutputDirectory=${join(folder, 'lib')}`,
      ],
    ],
    path: 'lib',
  },
  {
    // The collector that stands beside a gateway, as far as it can be built from modules: what talks to AWS is stood in for.
    name: 'collector',
    version: '0.161.0',
    variable: 'AEGIS_COLLECTOR',
    needs: [go],
    steps: (folder) => [
      [
        'go',
        'build',
        '-C',
        join(import.meta.dirname, '../test/full/support/collector'),
        '-buildvcs=false',
        '-o',
        join(folder, 'collector'),
        '.',
      ],
    ],
    path: 'collector',
  },
]

/** Installs a tool unless it is there already. @param toolsDir absolute path of the cache */
export function prepare(tool: ExternalTool, toolsDir: string): Prepared {
  const folder = join(toolsDir, `${tool.name}-${tool.version}`)
  const path = join(folder, tool.path)
  // Written last: without it the folder is what an interrupted installation left.
  const complete = join(folder, '.complete')
  if (existsSync(complete)) return { path }
  if (tool.arch !== undefined && tool.arch !== process.arch) return { why: `it runs on ${tool.arch} only, and this is ${process.arch}` }
  const lacking = tool.needs.find(({ command, says }) => !says.test(run(command).output))
  if (lacking) return { why: `${lacking.command[0]} is missing or too old: ${lacking.remedy}` }
  console.log(`installing ${tool.name} ${tool.version} into .tools/ ...`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const command of tool.steps(folder)) {
    const { ok, output } = run(command)
    if (!ok) return { why: `${command[0]} failed: ${lastLine(output)}` }
  }
  writeFileSync(complete, '')
  return { path }
}

/** Packages of Debian and Ubuntu that build images without a daemon. */
const BUILDAH_PACKAGES = ['buildah', 'fuse-overlayfs', 'crun']

/**
 * Builds container images. It belongs to the machine and cannot live in a folder: on a machine of CI it is installed, on anybody else's we say
 * how. It works as root, or by a sudo that asks for no password.
 */
export function prepareBuildah({ mayInstall }: { mayInstall: boolean }): Prepared {
  if (process.platform !== 'linux') return { why: 'images of Linux are built on Linux' }
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  if (!run([...asRoot, 'true']).ok) return { why: 'it builds as root, and sudo asks for a password' }
  const find = () => run(['sh', '-c', 'command -v buildah']).output.trim()
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...BUILDAH_PACKAGES]
  if (find() === '' && mayInstall) {
    console.log('installing buildah from the packages of this system ...')
    run([...asRoot, 'apt-get', 'update'])
    run([...asRoot, ...install])
  }
  const path = find()
  return path === '' ? { why: `it is not on this machine: sudo ${install.join(' ')}` } : { path }
}

/** A Python package in a virtual environment of its own: nothing is installed outside the folder. */
function venv(folder: string, ...packages: string[]): string[][] {
  return [
    ['python3', '-m', 'venv', folder],
    [join(folder, 'bin/python'), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', ...packages],
  ]
}

function run([file = '', ...args]: readonly string[]): { ok: boolean; output: string } {
  const { status, error, stdout, stderr } = spawnSync(file, args, {
    encoding: 'utf8',
    timeout: STEP_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}${error ? `\n${error.message}` : ''}` }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
