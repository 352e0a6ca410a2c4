package aegis.gateway_test

import data.aegis.gateway

# Each of these facts, wrong or gone, must end in a deny.
test_refuses_facts_of_another_shape if {
	every path in [
		"/call/tool", "/call/action", "/call/arguments", "/agent/id", "/tenant/id", "/tenant/zone", "/tenant/binding",
		"/data/classes", "/data/findings", "/data/findings_total", "/data", "/region", "/zone", "/tool/zones", "/tool/effect",
	] {
		every patch in [
			{"op": "replace", "path": path, "value": null},
			{"op": "replace", "path": path, "value": 7.5},
			{"op": "remove", "path": path},
		] {
			decision := gateway.decision with input as json.patch(base, [patch])
			decision.outcome == "deny"
			count(decision.reasons) > 0
		}
	}
}

test_refuses_classes_that_are_no_strings if {
	decision := gateway.decision with input as object.union(base, {"data": {"classes": ["iban", 1]}})
	decision.outcome == "deny"
	"policy_input_invalid facts" in said(decision)
}

test_refuses_more_findings_than_their_total if {
	decision := gateway.decision with input as object.union(carrying(base, ["iban"]), {"data": {"findings_total": 0}})
	"policy_input_invalid facts" in said(decision)
}

test_refuses_a_binding_that_contradicts_the_zone if {
	every tenant in [
		{"binding": "none", "zone": "eu"},
		{"binding": "zone", "zone": "global"},
		{"binding": "other", "zone": "eu"},
	] {
		decision := gateway.decision with input as object.union(base, {"tenant": tenant})
		"policy_input_invalid facts" in said(decision)
	}
}

test_refuses_a_tenant_of_another_zone if {
	decision := gateway.decision with input as object.union(base, {"zone": "us", "region": "us-east-1"})
	said(decision) == ["foreign_zone zone"]
}
