package aegis.gateway_test

import data.aegis.gateway

test_allows_what_the_document_allows if {
	decision := gateway.decision with input as base
	decision == {
		"outcome": "allow",
		"reasons": [],
		"obligations": {
			"redact": [],
			"approval": null,
			"cost": 420000,
			"route_zone": "eu",
			"export": false,
			"taint": ["stripe-payments"],
		},
	}
}

test_gives_all_reasons_denies_first if {
	facts := carrying(with_call({"amount": 600000, "currency": "eur", "recipient": "x"}), ["iban", "card"])
	decision := gateway.decision with input as facts
	decision.outcome == "deny"
	said(decision) == [
		"data_class_denied data.card",
		"parameter_not_allowed params.recipient",
		"amount_over_limit max_amount",
		"data_class_sanitized data.iban",
	]
	decision.obligations.approval == null
	decision.obligations.redact == [{"class": "iban", "method": "mask"}]
	decision.obligations.taint == ["card", "iban", "stripe-payments"]
}

test_approval_beats_sanitize if {
	facts := carrying(with_call({"amount": 600000, "currency": "eur", "recipient": "supplier-7"}), ["iban"])
	decision := gateway.decision with input as facts
	decision.outcome == "approval_needed"
	decision.obligations.redact == [{"class": "iban", "method": "mask"}]
}

test_sanitize_beats_allow if {
	decision := gateway.decision with input as carrying(base, ["iban"])
	decision.outcome == "sanitize"
	said(decision) == ["data_class_sanitized data.iban"]
}

test_every_reason_has_words if {
	every code, message in gateway.messages {
		is_string(code)
		count(message) > 10
	}
}

test_refuses_without_any_facts if {
	decision := gateway.decision with input as {}
	decision.outcome == "deny"
}

test_refuses_undefined_input if {
	decision := gateway.decision
	decision.outcome == "deny"
}

test_is_amount if {
	every value in [0, 1, 420000, 9007199254740991] {
		gateway.is_amount(value)
	}
}

test_refuses_what_is_no_amount if {
	every value in [null, "420000", -1, 1.5, 9007199254740992, 1e400, true, [], {}, [1], set()] {
		not gateway.is_amount(value)
	}
}
