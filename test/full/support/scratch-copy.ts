import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A copy of the repository in which a test may change what it likes. */
export interface ScratchCopy {
  folder: string
  read(path: string): string
  write(path: string, text: string): void
  /**
   * Puts other values over those of `config/deployment.ts`, which stays beside it.
   * @param expression source text of what is put in place of it; `shipped` is the deployment of the repository
   */
  configure(expression: string): void
  remove(): void
}

const ROOT = join(import.meta.dirname, '../../..')
/** Made here, or of this machine alone. */
const LEFT_OUT = new Set(['node_modules', '.git', '.tools', '.aegis', 'cdk.out', 'reports'])

/** The packages are linked, not copied: nobody writes there. */
export function scratchCopy(): ScratchCopy {
  const folder = mkdtempSync(join(tmpdir(), 'aegis-scratch-'))
  for (const name of readdirSync(ROOT).filter((one) => !LEFT_OUT.has(one)))
    cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  renameSync(join(folder, 'config/deployment.ts'), join(folder, 'config/shipped-deployment.ts'))
  const configure = (expression: string) =>
    write(
      'config/deployment.ts',
      [
        "import type { DeploymentInput } from './schema.ts'",
        "import { deployment as shipped } from './shipped-deployment.ts'",
        '',
        `export const deployment: DeploymentInput = ${expression}`,
        '',
      ].join('\n'),
    )
  configure('shipped')
  return {
    folder,
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    write,
    configure,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
