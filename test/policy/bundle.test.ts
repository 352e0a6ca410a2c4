import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { pack } from 'tar-stream'
import { builtWasm } from '../../runtime/policy/build.ts'
import { packBundle, verifyBundle } from '../../runtime/policy/bundle.ts'
import { toolZones } from '../../runtime/policy/bundle-data.ts'
import { bundleData, loadDocuments, revisionOf } from '../../runtime/policy/documents.ts'
import { fileHash } from '../../runtime/policy/file-hashes.ts'
import { signCompact } from '../../runtime/policy/jws.ts'
import { unpackTar } from '../../runtime/policy/tar.ts'
import { testKey, trustIn } from '../support/policy.ts'

const key = testKey('current')
const documents = loadDocuments('demo')
const wasm = builtWasm()
const contents = {
  wasm,
  data: bundleData(documents, 'eu'),
  revision: revisionOf(wasm, documents),
  seq: 7,
  zone: 'eu',
  notBeforeMs: 1_000_000,
  notAfterMs: 2_000_000,
}
const expected = { trust: trustIn(key), zone: 'eu', nowMs: 1_500_000, minSeq: 7 }
const bundle = await packBundle(contents, key.signer)

type Entry = { name: string; body: string | Uint8Array; type?: 'symlink' | 'directory' }

/** The files of the good bundle, to be put together wrongly. */
async function goodFiles(): Promise<Map<string, Uint8Array>> {
  const { gunzipSync } = await import('node:zlib')
  return unpackTar(gunzipSync(bundle), new Set(['.manifest', 'data.json', 'policy.wasm', '.signatures.json']))
}

async function archive(entries: readonly Entry[]): Promise<Uint8Array> {
  const tar = pack()
  for (const { name, body, type } of entries) {
    if (type === undefined) tar.entry({ name }, Buffer.from(body as Uint8Array))
    else tar.entry({ name, type, linkname: '/etc/passwd' })
  }
  tar.finalize()
  return gzipSync(await buffer(tar))
}

function entriesOf(files: ReadonlyMap<string, Uint8Array | string>): Entry[] {
  return [...files].map(([name, body]) => ({ name: `/${name}`, body }))
}

/** Signs whatever is given, as the holder of the key would. */
async function signed(files: ReadonlyMap<string, Uint8Array>, list?: object[], signer = key.signer): Promise<Map<string, Uint8Array>> {
  const hashes = list ?? [...files].map(([name, body]) => ({ name, hash: fileHash(name, body), algorithm: 'SHA-256' }))
  const token = await signCompact({ files: hashes }, signer)
  return new Map([...files, ['.signatures.json', Buffer.from(JSON.stringify({ signatures: [token] }))]])
}

async function without(...names: string[]): Promise<Map<string, Uint8Array>> {
  const files = await goodFiles()
  for (const name of names) files.delete(name)
  return files
}

const code = (promise: Promise<unknown>) => promise.then(() => 'accepted').catch((error: { code?: string }) => error.code ?? String(error))

describe('a signed bundle', () => {
  test('gives documents, module and scope', async () => {
    const active = await verifyBundle(bundle, expected)
    expect(active).toMatchObject({ revision: contents.revision, seq: 7, zone: 'eu', notBeforeMs: 1_000_000, notAfterMs: 2_000_000 })
    expect(Buffer.compare(active.wasm, wasm)).toBe(0)
    expect([...active.agents.keys()]).toEqual(expect.arrayContaining(['finance-agent', 'ward-agent', 'research-agent']))
    expect([...active.agents.keys()]).not.toContain('ops-agent')
    expect(active.agents.get('finance-agent')?.rates.get('stripe-payments.create_payment')).toEqual({ calls: 50000, perS: 1 })
    const zones = { eu: ['eu-west-1', 'eu-central-1'], us: ['us-east-1'], apac: ['ap-southeast-1'] }
    const zonesOf = (name: string) => toolZones(active.tools.get(name) as NonNullable<ReturnType<typeof active.tools.get>>, zones)
    expect([zonesOf('crm'), zonesOf('ehr'), zonesOf('email'), zonesOf('web-fetch')]).toEqual([['apac', 'eu', 'us'], ['eu'], ['us'], []])
  })

  test('signed by the next key is accepted as well', async () => {
    const next = testKey('next')
    const rotated = await packBundle(contents, next.signer)
    await expect(verifyBundle(rotated, { ...expected, trust: trustIn(key, next) })).resolves.toMatchObject({ seq: 7 })
  })

  test('has the same contents each time', async () => {
    const again = await packBundle(contents, key.signer)
    const names = new Set(['.manifest', 'data.json', 'policy.wasm', '.signatures.json'])
    const { gunzipSync } = await import('node:zlib')
    const [one, two] = [await unpackTar(gunzipSync(bundle), names), await unpackTar(gunzipSync(again), names)]
    for (const name of ['.manifest', 'data.json', 'policy.wasm']) expect(one.get(name)).toEqual(two.get(name))
  })
})

describe('refuses by scope', () => {
  test.each([
    ['another zone', { zone: 'us' }, 'wrong_zone'],
    ['a seq below the high-water mark', { minSeq: 8 }, 'rolled_back'],
    ['a time before it is valid', { nowMs: 999_999 }, 'not_yet_valid'],
    ['the time when it expires', { nowMs: 2_000_000 }, 'expired'],
    ['a trust root without its key', { trust: trustIn(testKey('other')) }, 'unknown_key'],
    ['a trust root with another key of that name', { trust: trustIn(testKey('current')) }, 'bad_signature'],
  ])('%s', async (_, change, fault) => {
    expect(await code(verifyBundle(bundle, { ...expected, ...change }))).toBe(fault)
  })
})

describe('refuses an altered archive', () => {
  const cases: [string, () => Promise<readonly Entry[]>, string][] = [
    ['unsigned', async () => entriesOf(await without('.signatures.json')), 'unsigned'],
    [
      'an empty list of signatures',
      async () => entriesOf((await goodFiles()).set('.signatures.json', Buffer.from('{"signatures":[]}'))),
      'unsigned',
    ],
    [
      'two signatures',
      async () => {
        const files = await goodFiles()
        const { signatures } = JSON.parse(String(files.get('.signatures.json') && Buffer.from(files.get('.signatures.json') as Uint8Array)))
        return entriesOf(files.set('.signatures.json', Buffer.from(JSON.stringify({ signatures: [signatures[0], signatures[0]] }))))
      },
      'malformed',
    ],
    ['another module', async () => entriesOf((await goodFiles()).set('policy.wasm', Buffer.from('x'))), 'altered'],
    [
      'another document',
      async () => entriesOf((await goodFiles()).set('data.json', Buffer.from('{"aegis":{"agents":{},"tools":{}}}'))),
      'altered',
    ],
    [
      'a manifest with another seq',
      async () => {
        const files = await goodFiles()
        const text = Buffer.from(files.get('.manifest') as Uint8Array).toString()
        return entriesOf(files.set('.manifest', Buffer.from(text.replace('"seq":7', '"seq":9'))))
      },
      'altered',
    ],
    ['a missing file', async () => entriesOf(await without('data.json')), 'altered'],
    ['an extra file', async () => [...entriesOf(await goodFiles()), { name: '/extra.json', body: '{}' }], 'malformed'],
    ['a file twice', async () => [...entriesOf(await goodFiles()), { name: 'policy.wasm', body: wasm }], 'malformed'],
    ['a name that escapes', async () => [...entriesOf(await goodFiles()), { name: '../policy.wasm', body: wasm }], 'malformed'],
    [
      'a name that comes back',
      async () => [...entriesOf(await without('policy.wasm')), { name: '/x/../policy.wasm', body: wasm }],
      'malformed',
    ],
    ['a link', async () => [...entriesOf(await without('policy.wasm')), { name: '/policy.wasm', body: '', type: 'symlink' }], 'malformed'],
    ['a folder', async () => [...entriesOf(await goodFiles()), { name: '/x', body: '', type: 'directory' }], 'malformed'],
  ]
  test.each(cases)('%s', async (_, entries, fault) => {
    expect(await code(verifyBundle(await archive(await entries()), expected))).toBe(fault)
  })
})

describe('refuses what is signed and still not a bundle', () => {
  const unsigned = () => without('.signatures.json')
  test.each([
    [
      'a file that the signature leaves out',
      async () => signed(await unsigned(), [...(await hashesOf(['policy.wasm', 'data.json']))]),
      'altered',
    ],
    [
      'a signed file that is not there',
      async () => signed(await unsigned(), [...(await hashesOf()), { name: 'more.rego', hash: '0', algorithm: 'SHA-256' }]),
      'altered',
    ],
    ['a file listed twice', async () => signed(await unsigned(), [...(await hashesOf()), ...(await hashesOf(['data.json']))]), 'malformed'],
    [
      'a weaker hash',
      async () =>
        signed(
          await unsigned(),
          (await hashesOf()).map((entry) => ({ ...entry, algorithm: 'MD5' })),
        ),
      'altered',
    ],
    ['data of another shape', async () => signed((await unsigned()).set('data.json', Buffer.from('{"aegis":{}}'))), 'malformed'],
    [
      'data with a fraction',
      async () => signed(await unsigned(), await hashesOf(), key.signer).then((files) => files.set('data.json', Buffer.from('{"a":1.5}'))),
      'malformed',
    ],
    ['a manifest with other roots', async () => signed(await manifestWith({ roots: ['aegis', 'other'] })), 'malformed'],
    [
      'a manifest with another entrypoint',
      async () => signed(await manifestWith({ wasm: [{ entrypoint: 'aegis/x', module: '/policy.wasm' }] })),
      'malformed',
    ],
    ['a manifest without scope', async () => signed(await manifestWith({ metadata: {} })), 'malformed'],
  ])('%s', async (_, files, fault) => {
    expect(await code(verifyBundle(await archive(entriesOf(await files())), expected))).toBe(fault)
  })

  async function hashesOf(names = ['policy.wasm', 'data.json', '.manifest']) {
    const files = await goodFiles()
    return names.map((name) => ({ name, hash: fileHash(name, files.get(name) as Uint8Array), algorithm: 'SHA-256' }))
  }

  async function manifestWith(change: object) {
    const files = await unsigned()
    const manifest = JSON.parse(Buffer.from(files.get('.manifest') as Uint8Array).toString())
    return files.set('.manifest', Buffer.from(JSON.stringify({ ...manifest, ...change })))
  }
})

describe('refuses what is no archive', () => {
  test.each([
    ['nothing', new Uint8Array(), 'malformed'],
    ['text', Buffer.from('hello'), 'malformed'],
    ['gzip of text', gzipSync('hello'), 'malformed'],
    ['an empty archive', gzipSync(Buffer.alloc(1024)), 'unsigned'],
    ['half of it', bundle.subarray(0, bundle.byteLength / 2), 'malformed'],
    ['more than is read', Buffer.alloc(32 * 1024 * 1024 + 1), 'too_large'],
    ['a bomb', gzipSync(Buffer.alloc(129 * 1024 * 1024)), 'too_large'],
  ])('%s', async (_, bytes, fault) => {
    expect(await code(verifyBundle(bytes, expected))).toBe(fault)
  })
})
