import type { PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import type { Notice } from '../../../runtime/gateway/approvals/notice.ts'
import { DeliveryError, type NoticeTarget, notifier } from '../../../runtime/gateway/approvals/notifier.ts'
import { noticeTargets, type TargetConfig } from '../../../runtime/gateway/approvals/targets.ts'
import { verifyWebhook } from '../../../runtime/gateway/approvals/webhook.ts'

const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const secret = 'a secret that only the receiver knows, too'
const notice: Notice = {
  id: `apr.eu-west-1.${'x'.repeat(22)}`,
  tenant: 'acme-eu',
  tool: 'stripe-payments',
  action: 'create_payment',
  risk: 'high',
  expiresAtMs: Date.now() + 60_000,
}
const linkOf = (id: string) => `https://operators.eu-west-1.aegis.example/v1/approvals/${id}`

interface Sent {
  url: string
  headers: Record<string, string>
  body: string
}

function channels(configured: TargetConfig[], status = 200) {
  const sent: Sent[] = []
  const published: PublishCommand[] = []
  const targets = noticeTargets(configured, {
    linkOf,
    clock,
    send: async (url, headers, body) => {
      sent.push({ url, headers, body })
      return status
    },
    sns: () => ({ send: async (command: PublishCommand) => void published.push(command) }) as unknown as SNSClient,
  })
  return { sent, published, targets }
}

test('every channel carries id, tool, risk and link, and nothing else of the call', async () => {
  const { sent, published, targets } = channels([
    { kind: 'webhook', url: 'https://hooks.example/a', key: 'k1', secret },
    { kind: 'slack', url: 'https://hooks.slack.example/T/B/x' },
    { kind: 'sns', topic_arn: 'arn:aws:sns:eu-west-1:111122223333:approvals' },
  ])
  for (const target of targets) await target.deliver(notice)
  const expected = {
    kind: 'approval.pending',
    id: notice.id,
    tenant: 'acme-eu',
    tool: 'stripe-payments',
    action: 'create_payment',
    risk: 'high',
    link: linkOf(notice.id),
    expires_at: new Date(notice.expiresAtMs).toISOString(),
  }
  expect(JSON.parse(sent[0]?.body ?? '')).toEqual(expected)
  expect(JSON.parse(published[0]?.input.Message ?? '')).toEqual(expected)
  const slack = JSON.parse(sent[1]?.body ?? '')
  expect(slack.text).toContain('stripe-payments.create_payment')
  expect(slack.text).toContain(`<${linkOf(notice.id)}|${notice.id}>`)
})

test('names cannot write Slack markup', async () => {
  const { sent, targets } = channels([{ kind: 'slack', url: 'https://hooks.slack.example' }])
  await targets[0]?.deliver({ ...notice, tool: '<!channel>' })
  expect(sent[0]?.body).not.toContain('<!channel>')
})

describe('a webhook', () => {
  const secrets = new Map([['k1', secret]])
  const delivered = async () => {
    const { sent, targets } = channels([{ kind: 'webhook', url: 'https://hooks.example', key: 'k1', secret }])
    await targets[0]?.deliver(notice)
    return sent[0] as Sent
  }

  test('is accepted by a receiver that knows the key', async () => {
    const { headers, body } = await delivered()
    expect(verifyWebhook(headers, body, secrets, Date.now())).toBeUndefined()
    expect(headers['aegis-webhook-signature']).toMatch(/^v1=[0-9a-f]{64}$/)
  })

  test('refuses a changed body, id, time or signature, another key and an old delivery', async () => {
    const { headers, body } = await delivered()
    const check = (change: Record<string, string>, text = body) => verifyWebhook({ ...headers, ...change }, text, secrets, Date.now())
    expect(check({}, body.replace('high', 'low'))).toBe('bad_signature')
    expect(check({ 'aegis-webhook-id': 'apr.other' })).toBe('bad_signature')
    expect(check({ 'aegis-webhook-timestamp': String(Number(headers['aegis-webhook-timestamp']) + 1) })).toBe('bad_signature')
    expect(check({ 'aegis-webhook-signature': `v1=${'0'.repeat(64)}` })).toBe('bad_signature')
    expect(check({ 'aegis-webhook-signature': 'v1=' })).toBe('malformed')
    expect(check({ 'aegis-webhook-timestamp': 'now' })).toBe('malformed')
    expect(check({ 'aegis-webhook-key': 'k2' })).toBe('unknown_key')
    expect(verifyWebhook(headers, body, new Map([['k1', 'another']]), Date.now())).toBe('bad_signature')
    expect(verifyWebhook(headers, body, secrets, Date.now() + 302_000)).toBe('outside_window')
    expect(verifyWebhook(headers, body, secrets, Date.now() - 302_000)).toBe('outside_window')
    expect(verifyWebhook({ ...headers, 'aegis-webhook-id': ['a', 'b'] }, body, secrets, Date.now())).toBe('malformed')
    expect(verifyWebhook({}, body, secrets, Date.now())).toBe('malformed')
  })
})

describe('the notifier', () => {
  const logged: { event: string; error: string }[] = []
  const log = (event: { event: string; error: string }) => void logged.push(event)
  beforeEach(() => {
    logged.length = 0
  })
  const failing = (times: number, error: Error): NoticeTarget & { tried: () => number } => {
    let tried = 0
    return {
      name: 'test',
      tried: () => tried,
      deliver: async () => {
        if (tried++ < times) throw error
      },
    }
  }
  const settled = async (counts: () => { delivered: number; failed: number }) => {
    while (counts().delivered + counts().failed === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  test('tries again after a failure, and delivers once', async () => {
    const target = failing(2, new Error('no answer'))
    const { notify, counts, close } = notifier({ targets: [target], clock, log, backoffMs: 1 })
    notify(notice)
    await settled(counts)
    expect(counts()).toEqual({ delivered: 1, failed: 0, dropped: 0 })
    expect(target.tried()).toBe(3)
    await close()
  })

  test('gives up after a bounded number of attempts, counts it, and tells no secret', async () => {
    const target = failing(100, new Error('connect https://hooks.slack.example/T/B/secret'))
    const { notify, counts } = notifier({ targets: [target], clock, log, backoffMs: 1, attempts: 4 })
    notify(notice)
    await settled(counts)
    expect(counts()).toMatchObject({ failed: 1 })
    expect(target.tried()).toBe(4)
    expect(logged).toMatchObject([{ event: 'notice_failed', approval: notice.id }])
    expect(JSON.stringify(logged)).not.toContain('secret')
  })

  test('does not repeat what was refused for good, nor after the approval has ended', async () => {
    const refused = failing(100, new DeliveryError('the channel answered 404', { again: false }))
    const late = failing(100, new Error('no answer'))
    for (const [target, of] of [
      [refused, notice],
      [late, { ...notice, expiresAtMs: Date.now() - 1 }],
    ] as const) {
      const { notify, counts } = notifier({ targets: [target], clock, log, backoffMs: 1 })
      notify(of)
      await settled(counts)
      expect(target.tried()).toBe(1)
    }
  })

  test('a channel that hangs keeps nobody waiting, holds a bounded number, and does not outlive the gateway', async () => {
    const { notify, counts } = notifier({ targets: [{ name: 'hung', deliver: () => new Promise(() => {}) }], clock, log, waitingMax: 10 })
    for (let i = 0; i < 50; i++) notify(notice)
    expect(counts().dropped).toBe(40)
    const retrying = notifier({ targets: [failing(100, new Error('x'))], clock, log, backoffMs: 60_000 })
    retrying.notify(notice)
    await new Promise((resolve) => setTimeout(resolve, 10))
    await retrying.close()
    expect(retrying.counts().failed).toBe(1)
  })

  test.each([
    [500, true],
    [429, true],
    [404, false],
    [302, false],
  ])('status %d is worth another attempt: %s', async (status, again) => {
    const { targets } = channels([{ kind: 'slack', url: 'https://hooks.slack.example' }], status)
    await expect(targets[0]?.deliver(notice)).rejects.toMatchObject({ again })
  })
})
