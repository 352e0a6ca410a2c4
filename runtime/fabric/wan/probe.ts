import { request } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Probe, ProbeTarget } from '../dns/checkers.ts'
import type { AddressPlan } from './addresses.ts'
import type { DialRequest } from './dial.ts'

/** The fabric's balancers speak plain HTTP, behind where TLS would end: a check of port 443 is probed here. */
const BALANCER_PORT = 80
const TLS_PORT = 443

/**
 * Probes as Route 53's checkers and load balancers do, over the fabric's links: connect in time, answer in time with 2xx or 3xx,
 * a new connection each time. Certificates are not checked, as Route 53 does not check them either.
 */
export function wanProbe(dial: (request: DialRequest) => Promise<Duplex>, plan: AddressPlan): Probe {
  return async (target, from, stop) => {
    const { host, port } = endpointOf(target, plan)
    const connecting = AbortSignal.any([stop, AbortSignal.timeout(target.connectMs)])
    try {
      const connection = await dial({ from, host, port, allowHalfOpen: false, signal: connecting })
      const status = await get(connection, host, target.path, AbortSignal.any([stop, AbortSignal.timeout(target.answerMs)]))
      return status >= 200 && status < 400
    } catch {
      return false
    }
  }
}

function endpointOf({ to }: ProbeTarget, plan: AddressPlan): { host: string; port: number } {
  if ('gatewayOf' in to) return { host: plan.loadBalancer(to.gatewayOf), port: BALANCER_PORT }
  return { host: to.fqdn, port: to.port === TLS_PORT ? BALANCER_PORT : to.port }
}

function get(connection: Duplex, host: string, path: string, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({
      createConnection: () => connection,
      host,
      path,
      headers: { host, 'user-agent': 'aegis-fabric-health-check' },
      signal,
    })
    asked.on('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.on('error', (error) => {
      connection.destroy()
      reject(error)
    })
    asked.end()
  })
}
