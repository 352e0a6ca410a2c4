package aegis.gateway

# permission.amount = {at, currency_at, limits: {currency: {max, above}}}. `at` and `currency_at` are paths
# into the arguments. An amount in a currency without a limit is refused, not converted.
money := permission.amount

amount := object.get(args, money.at, null)

currency := object.get(args, money.currency_at, null)

limit := money.limits[currency]

deny contains {"code": "amount_invalid", "rule": "amount"} if {
	money
	not amount_valid
}

deny contains {"code": "currency_not_allowed", "rule": "currency"} if {
	money
	not limited
}

deny contains {"code": "amount_over_limit", "rule": "max_amount"} if {
	over_limit
	not above_asks
}

ask contains {"code": "amount_over_limit", "rule": "max_amount", "role": "approver"} if {
	over_limit
	above_asks
}

over_limit if {
	limited
	amount_valid
	not within_limit
}

limited if is_object(limit)

amount_valid if is_amount(amount)

above_asks if limit.above == "approval_needed"

within_limit if {
	is_amount(limit.max)
	amount <= limit.max
}

# In minor units of the call's currency.
default cost := 0

cost := amount if amount_valid
