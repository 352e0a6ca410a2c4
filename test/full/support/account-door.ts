import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface AccountDoor {
  url: string
  close(): Promise<void>
}

/**
 * A way into another account of the emulator, which has none: whatever comes in goes on in the name of `account`. In AWS the publisher of the control
 * account gets there by the policies of bucket, table and keys, which the emulator does not read. The emulator checks no signature.
 */
export async function openAccountDoor(emulator: string, account: string): Promise<AccountDoor> {
  const server = createServer((incoming, outgoing) => {
    const authorization = incoming.headers.authorization?.replace(/Credential=[^/]+/, `Credential=${account}`)
    const onward = request(
      new URL(incoming.url ?? '/', emulator),
      { method: incoming.method, headers: { ...incoming.headers, authorization } },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
