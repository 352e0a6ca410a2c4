package aegis.gateway

# policy.budget = {currency}. The amounts are the host's: a lease is reserved after policy, atomically.
# Policy refuses early what cannot fit, and refuses to spend where nobody keeps count.

spends if {
	policy.budget
	money
}

deny contains {"code": "budget_unverified", "rule": "budget"} if {
	spends
	not budget_known
}

budget_known if {
	is_amount(input.budget.remaining)
	is_amount(input.budget.cost)
}

deny contains {"code": "budget_exhausted", "rule": "budget"} if {
	spends
	budget_known
	max({cost, input.budget.cost}) > input.budget.remaining
}

deny contains {"code": "currency_not_allowed", "rule": "budget"} if {
	spends
	not in_budget_currency
}

in_budget_currency if policy.budget.currency == currency
