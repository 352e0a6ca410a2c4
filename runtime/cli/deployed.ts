import { existsSync, readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { CommandError } from './exit-codes.ts'

/** A deployed control plane, and who asks it: `deployed.json` in the state folder, in place of a fabric's files. */
const deployedSchema = z.strictObject({
  /** Its URL: `https://<home region>.control.<domain>`. */
  control_plane: z.url({ protocol: /^https?$/, error: 'is not a URL' }),
  /** File with an operator's token of your OpenID provider, read for every question. From the state folder where it is no absolute path. */
  token_file: z.string().min(1),
})

export const DEPLOYED_FILE = 'deployed.json'

/** @returns undefined where the state folder is a fabric's @throws CommandError when the file, or the token, cannot be read */
export function findControlPlane(stateDir: string): { control_plane: string; tokenOf: () => string } | undefined {
  const file = join(stateDir, DEPLOYED_FILE)
  if (!existsSync(file)) return undefined
  const { control_plane, token_file } = parsed(file)
  const tokenFile = isAbsolute(token_file) ? token_file : join(stateDir, token_file)
  return { control_plane: control_plane.replace(/\/$/, ''), tokenOf: () => tokenIn(tokenFile) }
}

function parsed(file: string): z.output<typeof deployedSchema> {
  try {
    return deployedSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error).replaceAll('\n', ' ') : (error as Error).message
    throw new CommandError(`${file}: ${why}`)
  }
}

function tokenIn(file: string): string {
  const token = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw new CommandError(`${file} has no token: put one of your OpenID provider there`)
  return token
}
