package aegis.gateway_test

import data.aegis.gateway

test_refuses_a_denied_class if {
	decision := gateway.decision with input as carrying(base, ["card"])
	decision.outcome == "deny"
	said(decision) == ["data_class_denied data.card"]
}

test_a_family_covers_its_members if {
	decision := gateway.decision with input as carrying(base, ["national_id.de"])
	said(decision) == ["data_class_denied data.national_id.de"]
}

test_the_exact_class_wins_over_its_family if {
	decision := gateway.decision with input as carrying(base, ["national_id.fi"])
	decision.outcome == "allow"
}

test_allows_an_unnamed_class_inside_the_zone if {
	decision := gateway.decision with input as carrying(base, ["passport"])
	decision.outcome == "allow"
	decision.obligations.taint == ["passport", "stripe-payments"]
}

test_redacts_where_no_method_is_given if {
	facts := with_policy(carrying(base, ["email"]), {"data": {"email": {"do": "sanitize"}}})
	decision := gateway.decision with input as facts
	decision.obligations.redact == [{"class": "email", "method": "redact"}]
}

test_refuses_a_word_it_does_not_know if {
	facts := with_policy(carrying(base, ["email"]), {"data": {"email": {"do": "log"}}})
	decision := gateway.decision with input as facts
	decision.outcome == "deny"
}

test_reads_a_policy_without_data_rules if {
	facts := json.patch(carrying(base, ["card"]), [{"op": "remove", "path": "/agent/policy/data"}])
	decision := gateway.decision with input as facts
	decision.outcome == "allow"
}
