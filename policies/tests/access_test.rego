package aegis.gateway_test

import data.aegis.gateway

test_refuses_an_agent_without_a_document if {
	decision := gateway.decision with input as json.patch(base, [{"op": "replace", "path": "/agent/policy", "value": null}])
	decision.outcome == "deny"
	said(decision) == ["unknown_agent agent"]
}

test_refuses_a_document_of_another_tenant if {
	decision := gateway.decision with input as object.union(base, {"tenant": {"id": "clinic-eu"}})
	said(decision) == ["unknown_agent agent"]
}

test_refuses_a_tool_that_the_document_lacks if {
	decision := gateway.decision with input as object.union(base, {
		"call": {"tool": "crm", "action": "read_contact"},
		"tool": {"name": "crm", "action": "read_contact"},
	})
	said(decision) == ["tool_not_allowed allowed_tools"]
}

test_refuses_an_action_that_the_document_lacks if {
	decision := gateway.decision with input as object.union(base, {
		"call": {"action": "refund"},
		"tool": {"action": "refund"},
	})
	said(decision) == ["tool_not_allowed allowed_tools"]
}

test_refuses_an_unregistered_tool if {
	decision := gateway.decision with input as json.patch(base, [{"op": "replace", "path": "/tool", "value": null}])
	decision.outcome == "deny"
	said(decision) == ["unregistered_tool registry"]
	decision.obligations.route_zone == null
}

test_refuses_registry_facts_of_another_tool if {
	every part in [{"name": "email"}, {"action": "send"}, {"effect": "other"}, {"zones": null}, {"zones": [1]}] {
		decision := gateway.decision with input as object.union(base, {"tool": part})
		decision.outcome == "deny"
		"unregistered_tool registry" in said(decision)
	}
}

test_refuses_a_drifted_tool_by_default if {
	decision := gateway.decision with input as object.union(base, {"tool": {"drift": true}})
	decision.outcome == "deny"
	said(decision) == ["tool_drift on_drift"]
}

test_refuses_unknown_drift if {
	every drift in [null, "false", 0] {
		decision := gateway.decision with input as object.union(base, {"tool": {"drift": drift}})
		said(decision) == ["tool_drift on_drift"]
	}
}

test_asks_about_drift_if_the_document_says_so if {
	drifted := object.union(with_rule({"on_drift": "approval_needed"}), {"tool": {"drift": true}})
	decision := gateway.decision with input as drifted
	decision.outcome == "approval_needed"
	decision.obligations.approval.rules == ["on_drift"]
}

test_allows_drift_if_the_document_says_so if {
	decision := gateway.decision with input as object.union(with_rule({"on_drift": "allow"}), {"tool": {"drift": true}})
	decision.outcome == "allow"
}

test_refuses_drift_with_a_word_it_does_not_know if {
	decision := gateway.decision with input as object.union(with_rule({"on_drift": "ignore"}), {"tool": {"drift": true}})
	decision.outcome == "deny"
}
