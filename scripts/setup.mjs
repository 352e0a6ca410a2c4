// Runs before every npm script. On a fresh clone, or after package.json changed, it installs what the script is about to need;
// otherwise it says nothing and costs a few milliseconds. It has no dependencies and runs on Node 20, because the Node 24 that
// everything else uses is itself one of the packages it installs. Everything it prints goes to stderr, so that `npm run -s` stays clean.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.aegis-setup')
const lock = join(modules, '.aegis-setup.lock')

const LOCK_MAX_AGE_MS = 20 * 60_000
const LOCK_POLL_MS = 200

if (!isInstalled()) await install()

async function install() {
  mkdirSync(modules, { recursive: true })
  await acquireLock()
  try {
    if (isInstalled()) return // another process did it while this one waited
    say('installing what package.json names (under a minute, once) ...')
    runNpm()
    requireNode24()
    writeFileSync(stamp, wanted())
  } finally {
    rmSync(lock, { force: true })
  }
}

function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted()
}

/** What an installation depends on. Scripts and descriptions in package.json do not count. */
function wanted() {
  const { dependencies, devDependencies, overrides, allowScripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const lockfile = join(root, 'package-lock.json')
  return createHash('sha256')
    .update(JSON.stringify([process.platform, process.arch, dependencies, devDependencies, overrides, allowScripts]))
    .update(existsSync(lockfile) ? readFileSync(lockfile) : '')
    .digest('hex')
}

function runNpm() {
  // --no-save leaves package-lock.json alone: npm would add the entries of this platform's optional packages (docs/adr/0001).
  // --include=dev because NODE_ENV=production would leave out the tools that the scripts are made of.
  const args = ['install', '--no-save', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  // Inside `npm test` the npm that runs it names itself; another package manager's name in that place does not help.
  const self = process.env.npm_execpath
  const [command, prefix] = self?.endsWith('npm-cli.js') ? [process.execPath, [self]] : ['npm', []]
  const { status, signal, error } = spawnSync(command, [...prefix, ...args], {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr],
  })
  if (error) fail(`npm could not be started: ${error.message}; install Node 20 or later with npm`)
  if (status !== 0) fail(`npm install ended with ${signal ?? `code ${status}`}; its own message is above`)
}

function requireNode24() {
  const { stdout } = spawnSync(join(modules, '.bin', 'node'), ['--version'], { encoding: 'utf8' })
  if (stdout?.startsWith('v24.')) return
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 9)) return // this Node will do in its place
  const got = stdout ? `is ${stdout.trim()}` : 'does not start'
  fail(`node_modules/.bin/node ${got}, and v24 is needed; if npm is set to ignore-scripts, run: npm rebuild node --ignore-scripts=false`)
}

/** Two scripts started at once must not install into the same folder. */
async function acquireLock() {
  for (let told = false; ; await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS))) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const holder = readIfThere(lock)
    if (holder === undefined) continue
    if (isStale(holder)) breakLock(holder)
    else if (!told) {
      told = true
      say(`waiting for the installation that process ${holder} runs ...`)
    }
  }
}

function isStale(holder) {
  try {
    if (Date.now() - statSync(lock).mtimeMs > LOCK_MAX_AGE_MS) return true
    // An empty file is a lock whose holder has not yet written its id: its age decides.
    if (holder !== '') process.kill(Number(holder), 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

/** Moves the dead lock aside and looks again: a second waiter may have broken it and taken its place in between. */
function breakLock(holder) {
  const aside = `${lock}.${process.pid}`
  try {
    renameSync(lock, aside)
    if (readFileSync(aside, 'utf8') !== holder) linkSync(aside, lock)
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function say(line) {
  process.stderr.write(`aegis: ${line}\n`)
}

function fail(line) {
  rmSync(lock, { force: true })
  say(line)
  process.exit(1)
}
