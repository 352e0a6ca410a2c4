import type { FixtureZone } from '../dns/zone.ts'
import type { Site } from './sites.ts'

const TTL_S = 60

/**
 * The names that the templates do not make: a zone for each site's host, and hostile names that lead to places where no
 * tool may be. @param addressOf a site's synthetic public address
 */
export function fixtureZones(sites: readonly Site[], addressOf: (site: Site) => string): FixtureZone[] {
  const hosts = new Map(sites.map((site) => [site.host, addressOf(site)]))
  const named = [...hosts].map(([name, address]): FixtureZone => ({ name, records: [{ name, type: 'A', ttlS: TTL_S, values: [address] }] }))
  return [...named, ...hostileZones([...hosts.values()][0] ?? '44.128.1.20')]
}

/** Domain of the hostile names. `.example` is nobody's (RFC 2606). */
export const HOSTILE_DOMAIN = 'hostile.example'

/**
 * What somebody who owns a domain can make its names say. @param publicAddress an address that passes every check, as bait
 */
export function hostileZones(publicAddress: string): FixtureZone[] {
  const at = (name: string) => `${name}.${HOSTILE_DOMAIN}`
  const a = (name: string, ...values: string[]) => ({ name: at(name), type: 'A' as const, ttlS: TTL_S, values })
  const aaaa = (name: string, ...values: string[]) => ({ name: at(name), type: 'AAAA' as const, ttlS: TTL_S, values })
  return [
    {
      name: HOSTILE_DOMAIN,
      records: [
        a('public', publicAddress),
        a('metadata', '169.254.169.254'),
        a('private', '10.0.0.5'),
        a('loopback', '127.0.0.1'),
        a('carrier-nat', '100.64.0.1'),
        a('unspecified', '0.0.0.0'),
        aaaa('loopback6', '::1'),
        aaaa('private6', 'fd00::5'),
        // The same metadata address as ::ffff:0:0/96 and 64:ff9b::/96 write it (RFC 4291, RFC 6052).
        aaaa('mapped', '::ffff:169.254.169.254'),
        aaaa('nat64', '64:ff9b::a9fe:a9fe'),
        // One good answer beside a bad one: every answer has to be checked.
        a('mixed', publicAddress, '10.0.0.5'),
        { name: at('inside'), type: 'CNAME', ttlS: TTL_S, values: [`db.${INTERNAL_DOMAIN}`] },
        // The address that was checked and the one that is dialled must be the same answer.
        { name: at('rebinding'), type: 'A', ttlS: 0, alternating: [[publicAddress], ['169.254.169.254']] },
      ],
    },
    { name: INTERNAL_DOMAIN, records: [{ name: `db.${INTERNAL_DOMAIN}`, type: 'A', ttlS: TTL_S, values: ['10.20.30.40'] }] },
  ]
}

const INTERNAL_DOMAIN = 'internal.example'
