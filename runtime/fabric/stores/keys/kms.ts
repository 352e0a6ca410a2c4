import { sign, verify } from 'node:crypto'
import type { Caller } from '../access/sts.ts'
import type { Reply } from '../reply.ts'
import { signDigest } from './ecdsa.ts'
import type { StoredKey } from './key-store.ts'

/**
 * Answers the operations of KMS that Aegis uses, for P-256 signing keys (KeySpec ECC_NIST_P256). Shapes and error
 * names: AWS KMS API reference, JSON 1.1.
 */
export function kmsService(
  keys: readonly StoredKey[],
  { region, account, signers }: { region: string; account: string; signers: Readonly<Record<string, string>> },
) {
  const byId = new Map<string, StoredKey>()
  for (const key of keys) {
    const aliasArn = `arn:aws:kms:${region}:${account}:${key.alias}`
    for (const id of [key.alias, key.keyId, key.arn, aliasArn]) byId.set(id, key)
  }
  return (operation: string, input: Record<string, unknown>, caller: Caller): Reply => {
    const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined
    if (run === undefined)
      return failure('UnknownOperationException', `${operation} is not among the KMS operations that the fabric answers`)
    if (typeof input.KeyId !== 'string' || input.KeyId === '') return failure('ValidationException', 'KeyId is missing')
    const key = byId.get(input.KeyId)
    if (key === undefined) return failure('NotFoundException', `Key '${input.KeyId}' is not found in ${region}`)
    if (operation === 'Sign' && !maySign(caller, signers[key.alias]))
      return failure(
        'AccessDeniedException',
        `not authorized to perform: kms:Sign on resource: ${key.arn}, as its key policy names another role`,
      )
    return run(key, input, account)
  }
}

/** A key whose signer is a role that one takes by STS signs for nobody else: not for the task that took the role either. */
function maySign(caller: Caller, signer: string | undefined): boolean {
  return signer === undefined ? caller.kind === 'task' : caller.kind === 'role' && caller.arn === signer
}

type Operation = (key: StoredKey, input: Record<string, unknown>, account: string) => Reply

/** KMS signs raw messages up to this size, longer ones as a digest (Sign, "Message"). */
const RAW_MESSAGE_MAX_BYTES = 4096

const ALGORITHM = 'ECDSA_SHA_256'

const operations: Record<string, Operation> = {
  Sign(key, input) {
    const message = messageOf(input)
    if ('refusal' in message) return message.refusal
    const signature = message.type === 'DIGEST' ? signDigest(key.privateKey, message.bytes) : sign('sha256', message.bytes, key.privateKey)
    return { status: 200, body: { KeyId: key.arn, Signature: signature.toString('base64'), SigningAlgorithm: ALGORITHM } }
  },

  Verify(key, input) {
    const message = messageOf(input)
    if ('refusal' in message) return message.refusal
    // node:crypto can't verify a digest, and nothing in Aegis asks for it: verifiers hold the public key.
    if (message.type === 'DIGEST') return failure('UnsupportedOperationException', 'the fabric verifies MessageType RAW only')
    const signature = base64(input.Signature)
    if (signature === undefined) return failure('ValidationException', 'Signature is missing')
    if (!verify('sha256', message.bytes, key.publicKey, signature))
      return failure('KMSInvalidSignatureException', 'the signature does not fit')
    return { status: 200, body: { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: ALGORITHM } }
  },

  GetPublicKey: (key) => ({
    status: 200,
    body: {
      KeyId: key.arn,
      PublicKey: key.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
      KeySpec: 'ECC_NIST_P256',
      CustomerMasterKeySpec: 'ECC_NIST_P256',
      KeyUsage: 'SIGN_VERIFY',
      SigningAlgorithms: [ALGORITHM],
    },
  }),

  DescribeKey: (key, _input, account) => ({
    status: 200,
    body: {
      KeyMetadata: {
        AWSAccountId: account,
        KeyId: key.keyId,
        Arn: key.arn,
        CreationDate: key.createdAtMs / 1000,
        Enabled: true,
        Description: '',
        KeyUsage: 'SIGN_VERIFY',
        KeyState: 'Enabled',
        Origin: 'AWS_KMS',
        KeyManager: 'CUSTOMER',
        KeySpec: 'ECC_NIST_P256',
        CustomerMasterKeySpec: 'ECC_NIST_P256',
        SigningAlgorithms: [ALGORITHM],
        MultiRegion: false,
      },
    },
  }),
}

function messageOf(input: Record<string, unknown>): { type: 'RAW' | 'DIGEST'; bytes: Buffer } | { refusal: Reply } {
  if (input.SigningAlgorithm !== ALGORITHM) {
    return {
      refusal: failure(
        'ValidationException',
        `SigningAlgorithm ${JSON.stringify(input.SigningAlgorithm)} does not fit the key, use ${ALGORITHM}`,
      ),
    }
  }
  const type = input.MessageType ?? 'RAW'
  if (type !== 'RAW' && type !== 'DIGEST')
    return { refusal: failure('ValidationException', `MessageType ${JSON.stringify(type)} is neither RAW nor DIGEST`) }
  const bytes = base64(input.Message)
  if (bytes === undefined) return { refusal: failure('ValidationException', 'Message is missing') }
  if (type === 'DIGEST' && bytes.length !== 32) {
    return {
      refusal: failure('ValidationException', `Digest is invalid length for algorithm ${ALGORITHM}: ${bytes.length} bytes, expected 32`),
    }
  }
  if (type === 'RAW' && bytes.length > RAW_MESSAGE_MAX_BYTES) {
    return {
      refusal: failure(
        'ValidationException',
        `Message has ${bytes.length} bytes, at most ${RAW_MESSAGE_MAX_BYTES} are signed; send its digest`,
      ),
    }
  }
  return { type, bytes }
}

function base64(value: unknown): Buffer | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  return Buffer.from(value, 'base64')
}

function failure(type: string, message: string): Reply {
  return { status: 400, body: { __type: type, message } }
}
