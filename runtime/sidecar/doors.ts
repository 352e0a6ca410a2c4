// What an agent may ask of a gateway, and no more: neither its health nor anything that a later version may add unseen.
// test/sidecar/doors.test.ts compares this with the gateway's own OpenAPI document.

const SEGMENT = '[A-Za-z0-9][A-Za-z0-9._-]{0,127}'
const door = (method: 'GET' | 'POST', path: string) => ({ method, path: new RegExp(`^${path.replaceAll('*', SEGMENT)}$`) })

const DOORS = [
  door('POST', '/v1/decisions'),
  door('POST', '/v1/decisions/*/outcome'),
  door('POST', '/v1/tools/*/*'),
  door('GET', '/v1/approvals/*'),
  door('POST', '/v1/approvals/*/token'),
  door('POST', '/oauth/token'),
  door('GET', '/\\.well-known/jwks\\.json'),
  door('GET', '/\\.well-known/oauth-authorization-server'),
]

/** @param target the request target as it came, query included: what is compared is what is sent on, without decoding or normalizing */
export function isDoor(method: string, target: string): boolean {
  const path = pathOf(target)
  return DOORS.some((known) => known.method === method && known.path.test(path))
}

/** Whether the answer is a tool's, which may be of any type. */
export function isToolDoor(target: string): boolean {
  return pathOf(target).startsWith('/v1/tools/')
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? ''
}
