package aegis.gateway_test

import data.aegis.gateway

paying(amount, currency) := with_call({"amount": amount, "currency": currency, "recipient": "supplier-7"})

test_allows_up_to_the_limit if {
	every amount in [0, 1, 499999, 500000] {
		decision := gateway.decision with input as paying(amount, "eur")
		decision.outcome == "allow"
		decision.obligations.cost == amount
	}
}

test_asks_above_the_limit if {
	decision := gateway.decision with input as paying(500001, "eur")
	decision.outcome == "approval_needed"
	said(decision) == ["amount_over_limit max_amount"]
	decision.obligations.approval == {"rules": ["max_amount"], "roles": ["approver"], "min_approvers": 1, "ttl_s": 900}
}

test_refuses_above_a_limit_that_says_deny if {
	decision := gateway.decision with input as paying(1001, "usd")
	decision.outcome == "deny"
	said(decision) == ["amount_over_limit max_amount"]
}

test_refuses_what_is_no_amount_whatever_the_limit_says if {
	every amount in [null, "1", "", -1, 0.5, 1e400, true, [1], {"value": 1}] {
		decision := gateway.decision with input as paying(amount, "eur")
		decision.outcome == "deny"
		said(decision) == ["amount_invalid amount"]
		decision.obligations.cost == 0
	}
}

test_refuses_a_missing_amount if {
	decision := gateway.decision with input as json.patch(base, [{"op": "remove", "path": "/call/arguments/amount"}])
	said(decision) == ["amount_invalid amount"]
}

test_refuses_a_currency_without_a_limit if {
	every currency in ["gbp", "EUR", null, 1, "", ["eur"], {"eur": 1}] {
		decision := gateway.decision with input as paying(1, currency)
		decision.outcome == "deny"
		said(decision) == ["currency_not_allowed currency"]
	}
}

# A compiled policy that lost a part must refuse, not forget the limit.
test_refuses_a_limit_without_its_parts if {
	every rule in [
		{"amount": {}},
		{"amount": {"at": ["amount"], "limits": {"eur": {"max": 500000}}}},
		{"amount": {"currency_at": ["currency"], "limits": {"eur": {"max": 500000}}}},
		{"amount": {"at": ["amount"], "currency_at": ["currency"], "limits": {}}},
		{"amount": {"at": ["amount"], "currency_at": ["currency"], "limits": {"eur": {}}}},
		{"amount": {"at": ["amount"], "currency_at": ["currency"], "limits": {"eur": {"max": "500000"}}}},
	] {
		decision := gateway.decision with input as with_rule(rule)
		decision.outcome == "deny"
	}
}
