import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { createLane, type Lane, type Parcel } from './lane.ts'
import type { Links } from './links.ts'

/** Bytes under way in one direction before the sender has to wait. */
const WINDOW_BYTES = 4 * 1024 * 1024

export interface Ends {
  from: string
  to: string
  /** False ends the near side's sending when the far side ends its own, as node:http expects. */
  allowHalfOpen: boolean
}

/**
 * The near end of a connection whose far end is `socket`: bytes, half-closes and resets travel half a round trip each way, in
 * order. A blackholed link holds them; one that turns to `reset` breaks the connection at both ends at once.
 */
export function wanConnection(socket: Socket, links: Links, { from, to, allowHalfOpen }: Ends): Duplex {
  let resumeWrite: (() => void) | undefined
  let ended = { near: false, far: false }

  const out: Lane = createLane({
    delayMs: () => links.delayMs(from, to),
    open: () => links.fault(from, to).mode !== 'blackhole',
    deliver: (parcel) => {
      const more = toSocket(socket, parcel)
      if (out.bytes() < WINDOW_BYTES) {
        resumeWrite?.()
        resumeWrite = undefined
      }
      return more
    },
  })
  const back: Lane = createLane({
    delayMs: () => links.delayMs(to, from),
    open: () => links.fault(to, from).mode !== 'blackhole',
    deliver: (parcel) => {
      if (back.bytes() < WINDOW_BYTES) socket.resume()
      if (parcel.kind === 'data') return near.push(parcel.chunk)
      if (parcel.kind === 'reset') {
        near.destroy(connectionReset())
        return false
      }
      near.push(null)
      // Nobody may be reading an idle connection, and its end must be noticed all the same (as net.Socket does).
      near.read(0)
      return true
    },
  })

  const near = new Duplex({
    allowHalfOpen,
    read: () => back.pump(),
    write: (chunk: Buffer, _encoding, done) => {
      out.send({ kind: 'data', chunk })
      if (out.bytes() < WINDOW_BYTES) done()
      else resumeWrite = done
    },
    final: (done) => {
      ended = { ...ended, near: true }
      out.send({ kind: 'end' })
      done()
    },
    destroy: (error, done) => {
      // A near end that goes without a FIN resets the far one, which hears of it half a round trip later.
      if (!ended.near || !ended.far) out.send({ kind: 'reset' })
      back.close()
      done(error)
    },
  })

  const unsubscribe = links.onChange(() => {
    if (links.fault(from, to).mode === 'reset' || links.fault(to, from).mode === 'reset') {
      socket.resetAndDestroy()
      near.destroy(connectionReset())
      return
    }
    out.pump()
    back.pump()
  })
  socket.on('data', (chunk: Buffer) => {
    back.send({ kind: 'data', chunk })
    if (back.bytes() >= WINDOW_BYTES) socket.pause()
  })
  socket.on('drain', () => out.pump())
  socket.on('end', () => {
    ended = { ...ended, far: true }
    back.send({ kind: 'end' })
  })
  socket.on('error', () => back.send({ kind: 'reset' }))
  socket.on('close', () => {
    if (!ended.far) back.send({ kind: 'reset' })
    out.close()
    unsubscribe()
  })
  return near
}

export function connectionReset(): Error {
  return Object.assign(new Error('the connection was reset by the far end'), { code: 'ECONNRESET' })
}

function toSocket(socket: Socket, parcel: Parcel): boolean {
  if (parcel.kind === 'data') return socket.write(parcel.chunk)
  if (parcel.kind === 'end') socket.end()
  else socket.resetAndDestroy()
  return true
}
