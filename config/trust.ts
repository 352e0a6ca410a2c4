import { createPublicKey } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'

/** JWKS of the keys that sign bundles and directories: the current one and, while they rotate, the next. Public halves only. */
export type TrustRoot = z.output<typeof trustRootSchema>

/** Why a file cannot be the trust root. One line a fault, each with the file's path. */
export class TrustRootError extends Error {
  override name = 'TrustRootError'
  constructor(path: string, faults: readonly string[]) {
    super(faults.map((fault) => `${path}: ${fault}`).join('\n'))
  }
}

/**
 * The trust root that gateways get in their task definition: `trustFile` if given, else `<folder>/<environment>.json`, else the placeholder.
 * @param folder path of `config/trust`
 * @throws TrustRootError when a file is named and absent, or holds anything but one or two public P-256 keys
 */
export function loadTrustRoot(folder: string, environment: string, trustFile?: string): TrustRoot {
  const path = trustFile ?? `${folder}/${environment}.json`
  if (existsSync(path)) return parseTrustRoot(path, readFileSync(path, 'utf8'))
  if (trustFile !== undefined) throw new TrustRootError(path, ['there is no such file; write the JWKS of the bundle signing keys there'])
  return PLACEHOLDER_TRUST_ROOT
}

/** True for the trust root that nobody can sign for: gateways with it never become ready. */
export function isPlaceholder(trustRoot: TrustRoot): boolean {
  return trustRoot.keys.some(({ kid }) => kid === PLACEHOLDER_KID)
}

export const PLACEHOLDER_KID = 'placeholder'

/**
 * A point of P-256 whose private key nobody has: x is SHA-256 of `aegis placeholder trust root 1`, the first counter from 0 up for which
 * that is on the curve, y the even root. A gateway that trusts only this key accepts no bundle, so it never becomes ready.
 */
export const PLACEHOLDER_TRUST_ROOT: TrustRoot = {
  keys: [
    {
      kty: 'EC',
      crv: 'P-256',
      kid: PLACEHOLDER_KID,
      x: 'XN732rYalMT-pXMfHjEDkNLxSCzs1e7Jr1LSM7_ZcP8',
      y: 'pXTzfZA6YMLAJ8YyJ66WagME7BMgN434GE-uvb9AKgA',
    },
  ],
}

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'is not a 32-byte coordinate in base64url')

const publicKey = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  kid: z.string().min(1).max(128),
  x: coordinate,
  y: coordinate,
  alg: z.literal('ES256').optional(),
  use: z.literal('sig').optional(),
})

const trustRootSchema = z.strictObject({
  keys: z.array(publicKey).min(1, 'needs a key').max(2, 'takes two keys at most, the current and the next'),
})

function parseTrustRoot(path: string, text: string): TrustRoot {
  const parsed = trustRootSchema.safeParse(parseJson(path, text))
  if (!parsed.success) throw new TrustRootError(path, parsed.error.issues.flatMap(describeIssue))
  const { keys } = parsed.data
  const faults = keys.flatMap((key, index) => (isOnCurve(key) ? [] : [`keys.${index}: is not a point of P-256`]))
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) faults.push(`keys: two keys have the kid ${JSON.stringify(keys[0]?.kid)}`)
  if (faults.length > 0) throw new TrustRootError(path, faults)
  return parsed.data
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TrustRootError(path, [`is not JSON: ${(error as Error).message}`])
  }
}

function isOnCurve(key: z.output<typeof publicKey>): boolean {
  try {
    createPublicKey({ key, format: 'jwk' })
    return true
  } catch {
    return false
  }
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const at = issue.path.length === 0 ? 'the file' : issue.path.map(String).join('.')
  if (issue.code !== 'unrecognized_keys') return [`${at}: ${issue.message}`]
  // `d` is the private half: it must never reach a template, where everyone with read access to the stack sees it.
  return issue.keys.map((key) => (key === 'd' ? `${at}.d: is a private key; only public keys belong here` : `${at}.${key}: unknown key`))
}
