import type { DocumentRule } from '../rule.ts'

/** A zone that does not exist makes the host foreign without a word, and a host in two zones counts for neither. */
export const egressHosts: DocumentRule = {
  id: 'egress-hosts',
  refuses: 'a host in `egress` twice, or in a zone that the deployment does not have',
  agent({ document, zones }, report) {
    document.egress.forEach(({ host, zone }, index) => {
      if (zone !== undefined && !Object.hasOwn(zones, zone))
        report(
          ['egress', index, 'zone'],
          `there is no zone ${zone}, there are ${Object.keys(zones).join(', ')}; leave it out for a host outside them`,
        )
      const first = document.egress.findIndex((other) => other.host === host)
      if (first !== index) report(['egress', index, 'host'], `${host} is entry ${first + 1} already; keep one of them`)
    })
  },
}
