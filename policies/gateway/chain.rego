package aegis.gateway

# policy.chain = [{after, deny} | {count, from, do}], in the words of the document. input.chain is null where
# nothing is known of the chain: then a rule that could apply, or a call that would set it off, is refused.

deny contains {"code": "chain_tainted", "rule": concat(".", ["chain", "after", rule.after])} if {
	some rule in policy.chain
	some taint in input.chain.taints
	names(rule.after, taint)
	targets(rule.deny)
}

deny contains {"code": "chain_limit", "rule": concat(".", ["chain", "count", rule.count])} if {
	some rule in counted
	not below(rule)
	not asks(rule)
}

ask contains {"code": "chain_limit", "rule": concat(".", ["chain", "count", rule.count]), "role": "approver"} if {
	some rule in counted
	not below(rule)
	asks(rule)
}

asks(rule) if rule.do == "approval_needed"

deny contains {"code": "chain_unverified", "rule": "chain"} if {
	not chain_known
	some rule in policy.chain
	matters(rule)
}

chain_known if {
	strings(input.chain.taints)
	is_object(input.chain.calls)
	every _, calls in input.chain.calls {
		is_amount(calls)
	}
}

matters(rule) if targets(rule.deny)

matters(rule) if names(rule.after, input.call.tool)

matters(rule) if {
	some class in input.data.classes
	names(rule.after, class)
}

matters(rule) if rule.count == tool_action

# Rules that count this very action, where the count is known.
counted contains rule if {
	chain_known
	some rule in policy.chain
	rule.count == tool_action
}

# `from: 20` is about the twentieth call and all after it; calls counts those allowed before.
below(rule) if {
	is_amount(rule.from)
	object.get(input.chain.calls, rule.count, 0) + 1 < rule.from
}

names(after, taint) if after == taint

names(after, taint) if after == family(taint)

targets("export") if leaves_zone

targets("write") if input.tool.effect == "write"

targets(target) if target == input.call.tool

targets(target) if target == tool_action

tool_action := concat(".", [input.call.tool, input.call.action])
