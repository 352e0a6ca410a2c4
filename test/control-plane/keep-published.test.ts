import { expect, test } from '@jest/globals'
import { keepPublished } from '../../runtime/control-plane/keep-published.ts'
import { DocumentsRefusedError, type Publisher } from '../../runtime/control-plane/publisher.ts'

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}

function fake(publish: () => Promise<never> | Promise<void>) {
  const seen: string[] = []
  const publisher = {
    publish: () => {
      seen.push('publish')
      return publish()
    },
    reconcile: async () => void seen.push('reconcile'),
  } as unknown as Publisher
  return { seen, publisher }
}

test('publishes at once, then compares while nothing is due', async () => {
  const { seen, publisher } = fake(async () => {})
  const stop = keepPublished(publisher, { renewEveryMs: 1e6, reconcileEveryMs: 1, log: () => {} })
  await until(() => seen.length > 3)
  stop()
  expect(seen.slice(0, 4)).toEqual(['publish', 'reconcile', 'reconcile', 'reconcile'])
})

test('publishes again when a renewal is due', async () => {
  const { seen, publisher } = fake(async () => {})
  const stop = keepPublished(publisher, { renewEveryMs: 10, reconcileEveryMs: 1, log: () => {} })
  await until(() => seen.filter((what) => what === 'publish').length === 3)
  stop()
})

test('tries again after a failure, and tells it', async () => {
  let failures = 2
  const logged: object[] = []
  const { seen, publisher } = fake(async () => {
    if (failures-- > 0) throw new Error('KMS is away')
  })
  const stop = keepPublished(publisher, { renewEveryMs: 1e6, reconcileEveryMs: 1, retryEveryMs: 2, log: (event) => logged.push(event) })
  await until(() => seen.filter((what) => what === 'publish').length === 3)
  stop()
  expect(logged).toEqual(Array(2).fill({ event: 'failed', detail: 'Error: KMS is away' }))
})

test('a refusal is told by the publisher, not a second time', async () => {
  const logged: object[] = []
  const { seen, publisher } = fake(async () => {
    throw new DocumentsRefusedError('bad')
  })
  const stop = keepPublished(publisher, { renewEveryMs: 1e6, reconcileEveryMs: 1, retryEveryMs: 1, log: (event) => logged.push(event) })
  await until(() => seen.length > 2)
  stop()
  expect(logged).toEqual([])
})
