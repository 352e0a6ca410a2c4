import type { ChainRule } from '../../agent-document.ts'
import type { DocumentRule } from '../rule.ts'

/** A second rule that says what the first said already is a rule that an author believes in and that does nothing. */
export const chainCovered: DocumentRule = {
  id: 'chain-covered',
  refuses: 'a chain rule that another one of the document makes pointless, or that denies the first call of an allowed action',
  agent({ document }, report) {
    document.chain.forEach((rule, index) => {
      if ('count' in rule && rule.do === 'deny' && rule.from === 1) {
        report(['chain', index], `denies ${rule.count} from its first call on; take the action out of allowed_tools instead`)
        return
      }
      const other = document.chain.findIndex((cover, at) => at !== index && covers(cover, rule) && (at < index || !covers(rule, cover)))
      if (other >= 0) report(['chain', index], `rule ${other + 1} of the chain already refuses all that this one would; take this one out`)
    })
  },
}

/** Whether every call that `rule` is about is already refused at least as hard by `cover`. */
function covers(cover: ChainRule, rule: ChainRule): boolean {
  if ('count' in cover)
    return 'count' in rule && cover.count === rule.count && cover.from <= rule.from && (cover.do === 'deny' || rule.do === cover.do)
  return 'after' in rule && within(rule.after, cover.after) && within(rule.deny, cover.deny)
}

/** `national_id.de` within `national_id`, `crm.read_contact` within `crm`. */
function within(narrow: string, wide: string): boolean {
  return narrow === wide || narrow.startsWith(`${wide}.`)
}
