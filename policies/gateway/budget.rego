package aegis.gateway

# policy.budget = {currency} or {unit}, unit `calls` or `tokens`. The amounts are the host's: a lease is reserved
# after policy, atomically. Policy refuses early what cannot fit, and refuses to spend where nobody keeps count.

# A budget in money is about actions that move money.
spends if {
	policy.budget
	not in_units
	money
}

# A budget in calls or tokens is about every action; what does not count costs nothing.
spends if in_units

in_units if policy.budget.unit in {"calls", "tokens"}

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
	max({own_cost, input.budget.cost}) > input.budget.remaining
}

# What policy itself sees of the cost: only money.
default own_cost := 0

own_cost := cost if not in_units

deny contains {"code": "currency_not_allowed", "rule": "budget"} if {
	spends
	not in_units
	not in_budget_currency
}

in_budget_currency if policy.budget.currency == currency
