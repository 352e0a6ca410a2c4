import fastify from 'fastify'
import { agentToken, testGateway, testTrust } from '../support/gateway.ts'

// One contender of the decision benchmark in a process of its own: `echo` (Fastify that parses and answers JSON) or
// `gateway` (the whole way of a call: cached token, strict parse, schema, policy, guard, record on disk, telemetry).
// Only DNS is fixed, so that every call is a cache hit as in steady state.

const trust = await testTrust()
const token = await agentToken(trust, 'finance-agent', 'acme-eu')
const { app, close } =
  process.argv[2] === 'echo'
    ? echo()
    : // The spool's temporary folder goes with the gateway.
      await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })

function echo() {
  const app = fastify({ logger: false }).post('/v1/decisions', async (request) => request.body)
  return { app, close: () => app.close() }
}

const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.({ url, token })
process.on('message', (message) => {
  if (message === 'cpu') process.send?.({ cpu: process.cpuUsage() })
})
process.on('disconnect', async () => {
  await close()
  process.exit(0)
})
