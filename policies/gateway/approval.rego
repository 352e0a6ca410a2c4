package aegis.gateway

# input.approval = {rules, roles, approvers}: what a verified override token proves. It satisfies the rules
# that it names, if who approved has the role that the rule asks for and enough people did. Nothing else.
open_asks contains entry if {
	some entry in ask
	not approved(entry)
}

approved(entry) if {
	strings(input.approval.rules)
	strings(input.approval.roles)
	entry.rule in input.approval.rules
	entry.role in input.approval.roles
	is_amount(input.approval.approvers)
	input.approval.approvers >= min_approvers
}

# One approval covers every rule that asked on this call: a token that covers some of them does not carry over.
default approval := null

approval := {
	"rules": sort({entry.rule | some entry in ask}),
	"roles": sort({entry.role | some entry in ask}),
	"min_approvers": min_approvers,
	"ttl_s": object.get(policy, ["approvals", "ttl_s"], 900),
} if {
	outcome == "approval_needed"
}

min_approvers := object.get(policy, ["approvals", "min_approvers"], 1)
