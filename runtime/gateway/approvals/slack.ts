import { noticeBody } from './notice.ts'
import { checkStatus, type NoticeTarget, type Send } from './notifier.ts'

/** A message to a Slack incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). Its URL is a secret. */
export function slackTarget({ url, linkOf, send }: { url: string; linkOf: (id: string) => string; send: Send }): NoticeTarget {
  return {
    name: 'slack',
    async deliver(notice) {
      const { id, tenant, tool, action, risk, link, expires_at } = noticeBody(notice, linkOf(notice.id))
      const call = `${escaped(tool)}.${escaped(action)}`
      const text = `Approval needed: ${call}, risk ${escaped(risk)}, tenant ${escaped(tenant)}, until ${expires_at}\n<${escaped(link)}|${escaped(id)}>`
      checkStatus(await send(url, { 'content-type': 'application/json' }, JSON.stringify({ text, unfurl_links: false })))
    },
  }
}

/** Slack reads these three as markup. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
