# The outcome of one call. Every other file in this folder adds reasons to three sets, and nothing else:
#
#   deny      objects {code, rule}: the call is refused
#   ask       objects {code, rule, role}: a human with that role has to agree
#   sanitize  objects {class, method}: data that must be rewritten before the call goes on
#
# Deny beats approval, approval beats sanitize, sanitize beats allow. A rule that cannot read its
# facts adds nothing, so rules refuse unless a condition provably holds, and facts.rego refuses an input
# that is not of the expected shape.
#
# Write `not condition`, where `condition` is a rule, and never `not f(ref)`: arguments are evaluated
# outside the `not`, so a missing fact would make the whole rule undefined, and the refusal with it.
package aegis.gateway

default decision := {
	"outcome": "deny",
	"reasons": [{"code": "policy_error", "message": "policy could not be evaluated", "rule": "default"}],
	"obligations": {
		"redact": [],
		"approval": null,
		"cost": 0,
		"route_zone": null,
		"export": false,
		"taint": [],
	},
}

decision := {
	"outcome": outcome,
	"reasons": array.concat(
		sorted_reasons(deny),
		array.concat(sorted_reasons(open_asks), sorted_reasons(rewrites)),
	),
	"obligations": {
		"redact": sort(sanitize),
		"approval": approval,
		"cost": cost,
		"route_zone": object.get(route, "zone", null),
		"export": leaves_zone,
		"taint": taint,
	},
}

outcome := "deny" if {
	count(deny) > 0
} else := "approval_needed" if {
	count(open_asks) > 0
} else := "sanitize" if {
	count(sanitize) > 0
} else := "allow"

rewrites contains {"code": "data_class_sanitized", "rule": concat(".", ["data", entry.class])} if {
	some entry in sanitize
}

sorted_reasons(found) := sort([reason |
	some entry in found
	reason := {"code": entry.code, "message": messages[entry.code], "rule": entry.rule}
])

# What an allowed call leaves behind in its chain: the tool's name and the data classes it carried.
taint := sort({input.call.tool} | {class | some class in input.data.classes})

args := input.call.arguments

policy := input.agent.policy

# A whole, non-negative number that every engine represents exactly. Rego orders values of different
# types (null is less than any number, a string greater), so nothing is compared before this holds.
is_amount(value) if {
	is_number(value)
	value >= 0
	value <= 9007199254740991
	floor(value) == value
}
