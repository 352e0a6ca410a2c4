import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { decode, encode } from 'dns-packet'

export interface NameServer {
  /** `ip:port` */
  address: string
  close(): Promise<void>
}

/** A DNS server that knows one public address for every name, so that no test asks the world where a tool is. Nothing is sent there. */
export async function everyName(address: string): Promise<NameServer> {
  const socket = createSocket('udp4')
  socket.on('message', (bytes, { address: from, port }) => {
    const query = decode(bytes)
    const [question] = query.questions ?? []
    const answers = question?.type === 'A' ? [{ type: 'A' as const, name: question.name, ttl: 60, data: address }] : []
    socket.send(encode({ type: 'response', id: query.id ?? 0, questions: query.questions ?? [], answers }), port, from)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}
