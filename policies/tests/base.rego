# What the tests start from: a payment that is allowed. Each test changes what it is about.
package aegis.gateway_test

base := {
	"call": {
		"tool": "stripe-payments",
		"action": "create_payment",
		"arguments": {"amount": 420000, "currency": "eur", "recipient": "supplier-7"},
		"door": "decision_api",
	},
	"agent": {"id": "finance-agent", "policy": policy},
	"tenant": {"id": "acme-eu", "zone": "eu", "home_region": "eu-west-1", "binding": "zone", "mode": "enforce"},
	"tool": {
		"name": "stripe-payments",
		"action": "create_payment",
		"effect": "write",
		"zones": ["apac", "eu", "us"],
		"risk": "high",
		"drift": false,
	},
	"data": {"classes": [], "findings": [], "findings_total": 0},
	"chain": {"id": "c-1", "taints": [], "calls": {}},
	"budget": null,
	"approval": null,
	"region": "eu-west-1",
	"zone": "eu",
	"now": {"epoch_ms": 1795000000000},
}

policy := {
	"tenant": "acme-eu",
	"tools": {
		"stripe-payments": {"create_payment": {
			"amount": {
				"at": ["amount"],
				"currency_at": ["currency"],
				"limits": {
					"eur": {"max": 500000, "above": "approval_needed"},
					"usd": {"max": 1000, "above": "deny"},
				},
			},
			"params": [{"name": "recipient", "at": ["recipient"], "op": "prefix", "value": "supplier-"}],
		}},
		"email": {"send": {"recipients": {"/to": ["email"]}}},
		"ehr": {"read_record": {}},
	},
	"data": {
		"iban": {"do": "sanitize", "method": "mask"},
		"phone": {"do": "sanitize", "method": "pseudonymize"},
		"card": {"do": "deny"},
		"national_id": {"do": "deny"},
		"national_id.fi": {},
		"health_record": {"export": "approval_needed"},
		"us_ssn": {"export": "allow"},
	},
	"approvals": {"min_approvers": 1, "ttl_s": 900},
}

# A mail from the eu: its only endpoint is in the us.
mail := object.union(base, {
	"call": {"tool": "email", "action": "send", "arguments": {"to": "jo@example.com"}, "door": "decision_api"},
	"tool": {"name": "email", "action": "send", "zones": ["us"]},
})

with_call(args) := object.union(base, {"call": {"arguments": args}})

with_rule(rule) := json.patch(base, [{
	"op": "add",
	"path": ["agent", "policy", "tools", "stripe-payments", "create_payment", key],
	"value": value,
} |
	some key, value in rule
])

with_policy(facts, part) := object.union(facts, {"agent": {"policy": part}})

carrying(facts, classes) := object.union(facts, {"data": {
	"classes": classes,
	"findings": [{"path": "/body", "class": class} | some class in classes],
	"findings_total": count(classes),
}})

# The reasons of a decision, each as "code rule", in order.
said(decision) := [concat(" ", [reason.code, reason.rule]) | some reason in decision.reasons]
