package aegis.gateway_test

import data.aegis.gateway

budgeted := with_policy(base, {"budget": {"currency": "eur"}})

left(remaining, cost) := object.union(budgeted, {"budget": {"remaining": remaining, "cost": cost}})

test_allows_what_is_left if {
	decision := gateway.decision with input as left(420000, 420000)
	decision.outcome == "allow"
}

test_refuses_more_than_is_left if {
	decision := gateway.decision with input as left(419999, 420000)
	said(decision) == ["budget_exhausted budget"]
}

test_refuses_the_larger_of_both_costs if {
	said(gateway.decision) == ["budget_exhausted budget"] with input as left(419999, 0)
	said(gateway.decision) == ["budget_exhausted budget"] with input as left(420000, 420001)
}

test_refuses_to_spend_where_nobody_counts if {
	every budget in [null, {}, {"remaining": null, "cost": 1}, {"remaining": "9", "cost": 1}, {"remaining": 9, "cost": -1}] {
		decision := gateway.decision with input as json.patch(budgeted, [{"op": "replace", "path": "/budget", "value": budget}])
		said(decision) == ["budget_unverified budget"]
	}
}

test_refuses_another_currency if {
	facts := object.union(left(420000, 100), {"call": {"arguments": {"amount": 100, "currency": "usd"}}})
	decision := gateway.decision with input as facts
	said(decision) == ["currency_not_allowed budget"]
}

test_an_action_without_money_needs_no_budget if {
	decision := gateway.decision with input as with_policy(mail, {"budget": {"currency": "eur"}})
	decision.outcome == "allow"
}

counted(unit, budget) := json.patch(with_policy(base, {"budget": {"unit": unit}}), [{"op": "replace", "path": "/budget", "value": budget}])

test_calls_and_tokens_are_judged_by_the_cost_of_the_host if {
	every unit in {"calls", "tokens"} {
		gateway.decision.outcome == "allow" with input as counted(unit, {"remaining": 1, "cost": 1})
		gateway.decision.outcome == "allow" with input as counted(unit, {"remaining": 0, "cost": 0})
		said(gateway.decision) == ["budget_exhausted budget"] with input as counted(unit, {"remaining": 1, "cost": 2})
		said(gateway.decision) == ["budget_unverified budget"] with input as counted(unit, null)
	}
}

test_a_budget_in_calls_is_about_every_action if {
	facts := with_policy(mail, {"budget": {"unit": "calls"}})
	said(gateway.decision) == ["budget_unverified budget"] with input as facts
	said(gateway.decision) == ["budget_exhausted budget"] with input as object.union(facts, {"budget": {"remaining": 0, "cost": 1}})
}

# A unit that nobody knows is no way around the checks of money.
test_refuses_an_unknown_unit if {
	said(gateway.decision) == ["budget_unverified budget", "currency_not_allowed budget"] with input as counted("miles", null)
}
