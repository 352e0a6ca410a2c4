package aegis.gateway_test

import data.aegis.gateway

big := with_call({"amount": 600000, "currency": "eur", "recipient": "supplier-7"})

approved(facts, approval) := json.patch(facts, [{"op": "replace", "path": "/approval", "value": approval}])

token := {"id": "a-1", "rules": ["max_amount"], "roles": ["approver"], "approvers": 1}

test_an_approval_covers_its_rule if {
	decision := gateway.decision with input as approved(big, token)
	decision.outcome == "allow"
	decision.reasons == []
	decision.obligations.approval == null
}

test_refuses_an_approval_that_does_not_cover_the_rule if {
	every part in [
		{"rules": []},
		{"rules": ["export.health_record"]},
		{"rules": "max_amount"},
		{"rules": null},
		{"roles": []},
		{"roles": ["dpo"]},
		{"roles": "approver"},
		{"approvers": 0},
		{"approvers": "1"},
		{"approvers": null},
	] {
		decision := gateway.decision with input as approved(big, object.union(token, part))
		decision.outcome == "approval_needed"
	}
}

test_a_hard_deny_wins if {
	facts := approved(carrying(big, ["card"]), token)
	decision := gateway.decision with input as facts
	decision.outcome == "deny"
	said(decision) == ["data_class_denied data.card"]
}

test_sanitize_goes_on_after_approval if {
	decision := gateway.decision with input as approved(carrying(big, ["iban"]), token)
	decision.outcome == "sanitize"
}

test_asks_for_as_many_as_the_document_says if {
	two := with_policy(big, {"approvals": {"min_approvers": 2, "ttl_s": 60}})
	decision := gateway.decision with input as approved(two, token)
	decision.outcome == "approval_needed"
	decision.obligations.approval == {"rules": ["max_amount"], "roles": ["approver"], "min_approvers": 2, "ttl_s": 60}
	both := gateway.decision with input as approved(two, object.union(token, {"approvers": 2}))
	both.outcome == "allow"
}

test_one_approval_covers_all_rules_with_the_union_of_their_roles if {
	facts := object.union(carrying(mail, ["health_record"]), {"tool": {"drift": true}})
	both := json.patch(facts, [{"op": "add", "path": "/agent/policy/tools/email/send/on_drift", "value": "approval_needed"}])
	open := gateway.decision with input as both
	open.obligations.approval.rules == ["export.health_record", "on_drift"]
	open.obligations.approval.roles == ["approver", "dpo"]
	half := gateway.decision with input as approved(both, {
		"id": "a-2",
		"rules": ["export.health_record"],
		"roles": ["dpo"],
		"approvers": 1,
	})
	half.outcome == "approval_needed"
	said(half) == ["tool_drift on_drift"]
	half.obligations.approval.rules == ["export.health_record", "on_drift"]
}

test_defaults_without_an_approvals_section if {
	facts := json.patch(big, [{"op": "remove", "path": "/agent/policy/approvals"}])
	decision := gateway.decision with input as facts
	decision.obligations.approval == {"rules": ["max_amount"], "roles": ["approver"], "min_approvers": 1, "ttl_s": 900}
}
