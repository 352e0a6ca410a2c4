package aegis.gateway_test

import data.aegis.gateway

chained(facts, rules) := with_policy(facts, {"chain": rules})

after_ehr := [{"after": "ehr", "deny": "export"}]

twenty := [{"count": "stripe-payments.create_payment", "from": 20, "do": "approval_needed"}]

test_refuses_an_export_after_a_taint if {
	facts := object.union(chained(mail, after_ehr), {"chain": {"taints": ["crm", "ehr"]}})
	decision := gateway.decision with input as facts
	decision.outcome == "deny"
	said(decision) == ["chain_tainted chain.after.ehr"]
}

test_refuses_an_export_after_a_class_of_a_family if {
	facts := object.union(chained(mail, [{"after": "national_id", "deny": "export"}]), {"chain": {"taints": ["national_id.de"]}})
	decision := gateway.decision with input as facts
	said(decision) == ["chain_tainted chain.after.national_id"]
}

test_allows_the_export_before if {
	decision := gateway.decision with input as chained(mail, after_ehr)
	decision.outcome == "allow"
}

test_allows_other_calls_after_a_taint if {
	facts := object.union(chained(base, after_ehr), {"chain": {"taints": ["ehr"]}})
	decision := gateway.decision with input as facts
	decision.outcome == "allow"
}

test_refuses_each_target if {
	every target in ["write", "stripe-payments", "stripe-payments.create_payment"] {
		facts := object.union(chained(base, [{"after": "ehr", "deny": target}]), {"chain": {"taints": ["ehr"]}})
		decision := gateway.decision with input as facts
		decision.outcome == "deny"
	}
}

test_counts_allowed_calls if {
	every case in [[18, "allow"], [19, "approval_needed"], [500, "approval_needed"]] {
		facts := object.union(chained(base, twenty), {"chain": {"calls": {"stripe-payments.create_payment": case[0]}}})
		decision := gateway.decision with input as facts
		decision.outcome == case[1]
	}
}

test_the_first_call_counts if {
	decision := gateway.decision with input as chained(base, [object.union(twenty[0], {"from": 1})])
	decision.outcome == "approval_needed"
	said(decision) == ["chain_limit chain.count.stripe-payments.create_payment"]
}

test_refuses_at_a_count_that_says_deny if {
	decision := gateway.decision with input as chained(base, [object.union(twenty[0], {"from": 1, "do": "deny"})])
	decision.outcome == "deny"
}

test_refuses_a_count_that_is_no_number if {
	decision := gateway.decision with input as chained(base, [object.union(twenty[0], {"from": "20", "do": "deny"})])
	decision.outcome == "deny"
}

test_counts_no_other_call if {
	facts := object.union(chained(mail, twenty), {"chain": {"calls": {"stripe-payments.create_payment": 50}}})
	decision := gateway.decision with input as facts
	decision.outcome == "allow"
}

# The four ways in which an unknown chain matters: the call that a rule could deny or count, and the call
# that adds a taint which a rule names.
test_refuses_an_unknown_chain_where_it_matters if {
	reading := object.union(base, {
		"call": {"tool": "ehr", "action": "read_record"},
		"tool": {"name": "ehr", "action": "read_record", "effect": "read"},
	})
	every facts in [
		chained(mail, after_ehr),
		chained(reading, after_ehr),
		chained(carrying(base, ["health_record"]), [{"after": "health_record", "deny": "export"}]),
		chained(base, twenty),
	] {
		decision := gateway.decision with input as json.patch(facts, [{"op": "replace", "path": "/chain", "value": null}])
		decision.outcome == "deny"
		said(decision) == ["chain_unverified chain"]
	}
}

test_an_unknown_chain_hinders_nothing_else if {
	facts := json.patch(chained(base, after_ehr), [{"op": "replace", "path": "/chain", "value": null}])
	decision := gateway.decision with input as facts
	decision.outcome == "allow"
}

test_refuses_a_chain_of_another_shape if {
	every chain in [{}, {"taints": "ehr"}, {"taints": [1]}, {"calls": []}, {"calls": {"stripe-payments.create_payment": "1"}}] {
		whole := object.union({"id": "c", "taints": [], "calls": {}}, chain)
		broken := [whole | chain != {}]
		value := array.concat(broken, [chain])[0]
		decision := gateway.decision with input as json.patch(chained(base, twenty), [{"op": "replace", "path": "/chain", "value": value}])
		said(decision) == ["chain_unverified chain"]
	}
}
