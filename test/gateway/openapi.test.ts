import { Ajv2020 } from 'ajv/dist/2020.js'
import { agentToken, type TestGateway, type TestTrust, testGateway, testTrust } from '../support/gateway.ts'

let trust: TestTrust
let gateway: TestGateway
beforeAll(async () => {
  trust = await testTrust()
  gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
})
afterAll(() => gateway.close())

test('what the gateway answers is what its OpenAPI document says', async () => {
  const document = (await gateway.app.inject('/openapi.json')).json()
  expect(document.openapi).toBe('3.1.0')
  const ajv = new Ajv2020({ strict: false })
  ajv.addSchema({ $id: 'aegis', ...document })
  const fits = (schema: string, value: unknown) => {
    const validate = ajv.getSchema(`aegis#/components/schemas/${schema}`)
    expect(validate?.(value) === true ? [] : validate?.errors).toEqual([])
  }
  const authorization = `Bearer ${await agentToken(trust, 'finance-agent', 'acme-eu')}`
  const ask = async (payload: string, headers: Record<string, string> = { authorization }) =>
    gateway.app.inject({ method: 'POST', url: '/v1/decisions', headers: { 'content-type': 'application/json', ...headers }, payload })

  for (const amount of [420000, 600000]) {
    const call = {
      tool: 'stripe-payments',
      action: 'create_payment',
      arguments: { amount, currency: 'eur', recipient: 'supplier-7', memo: 'm' },
    }
    fits('ToolCall', call)
    fits('Verdict', (await ask(JSON.stringify(call))).json())
  }
  fits('Verdict', (await ask('{"tool":"nothing","action":"x","arguments":{}}')).json())
  for (const answer of [await ask('{'), await ask('{}', {})]) {
    fits('Error', answer.json())
    expect(Object.keys(document.paths['/v1/decisions'].post.responses)).toContain(String(answer.statusCode))
  }
})
