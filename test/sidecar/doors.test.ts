import { expect, test } from '@jest/globals'
import fastify from 'fastify'
import { CALL_BYTES_MAX } from '../../runtime/gateway/doors/http-call.ts'
import { openApiDoor } from '../../runtime/gateway/doors/openapi.ts'
import { BODY_BYTES_MAX } from '../../runtime/sidecar/app.ts'
import { isDoor } from '../../runtime/sidecar/doors.ts'

test("every door that the gateway's own document names for agents leads through the sidecar, and its health does not", async () => {
  const app = fastify()
  await app.register(openApiDoor('0.0.0'))
  const { paths } = (await app.inject('/openapi.json')).json() as { paths: Record<string, Record<string, unknown>> }
  const doors = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  )
  const closed = doors.filter(({ method, path }) => !isDoor(method, path.replaceAll(/\{\w+\}/g, 'some-name')))
  expect(doors.length - closed.length).toBe(6)
  expect(closed.map(({ path }) => path)).toEqual(['/health/live', '/health/started', '/health/ready', '/health/region'])
})

test('the sidecar takes bodies as large as the gateway does', () => {
  expect(BODY_BYTES_MAX).toBe(CALL_BYTES_MAX)
})
