import { readdirSync, readFileSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import { deployment as input } from '../../../config/deployment.ts'
import { resolveDeployment } from '../../../config/resolve.ts'
import { CommandError } from '../exit-codes.ts'

/** Where a clone has what makes a revision. Absolute. */
export interface SourceFolders {
  documents: string
  policies: string
}

const REPOSITORY = join(import.meta.dirname, '../../..')

export function ownFolders(): SourceFolders {
  const { documentsDir } = resolveDeployment(input)
  return { documents: isAbsolute(documentsDir) ? documentsDir : join(REPOSITORY, documentsDir), policies: join(REPOSITORY, 'policies') }
}

/**
 * The texts of a working tree, by the paths that the control plane knows them by. Tenants and clients are not part of a revision: the
 * control plane keeps them.
 * @throws CommandError when there are none, or a file cannot be read or is not text
 */
export function readSources({ documents, policies }: SourceFolders): Record<string, string> {
  const wanted = [
    ...namesIn(join(documents, 'agents'), /\.ya?ml$/).map((name) => [`documents/agents/${name}`, join(documents, 'agents', name)]),
    ...OPTIONAL_DOCUMENTS.filter((name) => namesIn(documents, /\.yaml$/).includes(name)).map((name) => [
      `documents/${name}`,
      join(documents, name),
    ]),
    ...namesIn(join(policies, 'gateway'), /\.rego$/).map((name) => [`modules/gateway/${name}`, join(policies, 'gateway', name)]),
    ...namesIn(join(policies, 'tests'), /\.rego$/).map((name) => [`modules/tests/${name}`, join(policies, 'tests', name)]),
    ...MODULE_FILES.map((name) => [`modules/${name}`, join(policies, name)]),
  ] as [string, string][]
  if (!wanted.some(([path]) => path.startsWith('documents/')))
    throw new CommandError(
      `${near(documents)} has neither agents/*.yaml nor tools.yaml; documentsDir in config/deployment.ts names the folder`,
    )
  return Object.fromEntries(wanted.map(([path, file]) => [path, textOf(file)]))
}

/** The file of the working tree that a path of the control plane stands for, as editors follow it from here. Others stay as they are. */
export function localPath(path: string, { documents, policies }: SourceFolders): string {
  const [first, ...rest] = path.split('/')
  if (first === 'documents') return near(join(documents, ...rest))
  if (first === 'modules') return near(join(policies, ...rest))
  return path
}

const OPTIONAL_DOCUMENTS = ['tools.yaml', 'classes.yaml']
const MODULE_FILES = ['gateway/.manifest', 'schemas/input.json', 'capabilities.json']

/** Editors leave locks and copies beside a file, whose names begin with a dot. */
function namesIn(folder: string, ending: RegExp): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => ending.test(name) && !name.startsWith('.'))
      .sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new CommandError(`${near(folder)} cannot be read: ${(error as Error).message}`)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new CommandError(`${near(file)} cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`)
  }
  try {
    return utf8.decode(bytes)
  } catch {
    throw new CommandError(`${near(file)} is not UTF-8 text`)
  }
}

/** A path as it is read from where the command runs. */
export function near(path: string): string {
  const from = relative(process.cwd(), path)
  return from.startsWith('..') ? path : from
}
