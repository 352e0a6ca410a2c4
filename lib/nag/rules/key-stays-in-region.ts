import { textOf, textsIn } from '../resource.ts'
import type { Rule } from '../rule.ts'

/** How AWS begins the id of a multi-region key ("Multi-Region keys in AWS KMS", KMS developer guide). */
const MULTI_REGION_KEY = /mrk-[0-9a-f]{32}/g

export const keyStaysInRegion: Rule = {
  id: 'KeyStaysInRegion',
  info: 'A key is made for several regions, or one that is gets used.',
  explanation:
    "Ciphertext under a multi-region key can be decrypted wherever a replica of the key is, and a signing key's replica signs in the first region's name. Every key belongs to one region. Where a value must be read in two regions, each region encrypts its own copy by its own key.",
  check(resource) {
    const { type, properties } = resource
    if (type === 'AWS::KMS::ReplicaKey') return [`ReplicaKey::${textOf(properties.PrimaryKeyArn, resource)}`]
    const multiRegion = type === 'AWS::KMS::Key' && !['', 'false'].includes(textOf(properties.MultiRegion, resource))
    const used = [...textsIn(properties)].flatMap(({ text }) => text.match(MULTI_REGION_KEY) ?? [])
    return [...(multiRegion ? ['MultiRegion'] : []), ...used.map((id) => `Key::${id}`)]
  },
}
