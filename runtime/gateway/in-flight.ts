import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AegisError } from '../model/codes.ts'

/** What is given back together with a call's place. No entry: the call is over. */
const withPlace = new WeakMap<FastifyRequest, (() => void)[]>()

/** Gives something else back when the call is over: at once, should its client have hung up meanwhile. */
export function freeWith(request: FastifyRequest, release: () => void): void {
  const others = withPlace.get(request)
  if (others === undefined) release()
  else others.push(release)
}

/**
 * Refuses calls beyond `max` in flight. A call's place is free again when its answer is written, or when its connection
 * ends before that: Fastify's `onResponse` alone never comes for a client that hangs up, nor does a response's `close`
 * for one that was queued behind another on the same connection (pipelining).
 */
export function limitInFlight(app: FastifyInstance, max: number): void {
  let inFlight = 0
  const placesOf = new WeakMap<Socket, Set<() => void>>()

  const placesOn = (socket: Socket) => {
    const known = placesOf.get(socket)
    if (known !== undefined) return known
    const places = new Set<() => void>()
    placesOf.set(socket, places)
    socket.once('close', () => {
      for (const release of places) release()
    })
    return places
  }

  app.addHook('onRequest', (request, reply, done) => {
    const places = placesOn(request.raw.socket)
    const release = () => {
      if (!places.delete(release)) return
      inFlight--
      for (const other of withPlace.get(request) ?? []) other()
      withPlace.delete(request)
    }
    inFlight++
    places.add(release)
    if (!withPlace.has(request)) withPlace.set(request, [])
    reply.raw.once('finish', release).once('close', release)
    done(inFlight > max ? new AegisError('overloaded') : undefined)
  })
}
