package aegis.gateway_test

import data.aegis.gateway

decided(param, value) := decision if {
	facts := with_rule({"params": [object.union({"name": "recipient", "at": ["recipient"]}, param)]})
	decision := gateway.decision with input as object.union(facts, {"call": {"arguments": {"recipient": value}}})
}

test_holds_what_it_says if {
	every case in [
		[{"op": "prefix", "value": "supplier-"}, "supplier-7"],
		[{"op": "suffix", "value": "@example.com"}, "jo@example.com"],
		[{"op": "equals", "value": "a"}, "a"],
		[{"op": "equals", "value": true}, true],
		[{"op": "one_of", "value": ["a", 7]}, "a"],
		[{"op": "one_of", "value": ["a", 7]}, 7],
		[{"op": "at_most", "value": 10}, 10],
	] {
		decided(case[0], case[1]).outcome == "allow"
	}
}

test_refuses_what_does_not_hold if {
	every case in [
		[{"op": "prefix", "value": "supplier-"}, "Supplier-7"],
		[{"op": "prefix", "value": "supplier-"}, null],
		[{"op": "prefix", "value": "supplier-"}, ["supplier-7"]],
		[{"op": "suffix", "value": "@example.com"}, "jo@example.com.evil.example"],
		[{"op": "suffix", "value": "@example.com"}, 7],
		[{"op": "equals", "value": "1"}, 1],
		[{"op": "equals", "value": true}, "true"],
		[{"op": "one_of", "value": ["a", 7]}, "7"],
		[{"op": "one_of", "value": []}, null],
		[{"op": "at_most", "value": 10}, 11],
		[{"op": "at_most", "value": 10}, null],
		[{"op": "at_most", "value": 10}, "1"],
		[{"op": "at_most", "value": 10}, -1],
		[{"op": "at_most", "value": "10"}, 1],
		[{"op": "matches", "value": ".*"}, "anything"],
		[{}, "anything"],
	] {
		decision := decided(case[0], case[1])
		decision.outcome == "deny"
		said(decision) == ["parameter_not_allowed params.recipient"]
	}
}

test_refuses_an_absent_parameter if {
	decision := gateway.decision with input as json.patch(base, [{"op": "remove", "path": "/call/arguments/recipient"}])
	said(decision) == ["parameter_not_allowed params.recipient"]
}

test_reads_below_objects if {
	rule := {"params": [{"name": "to.country", "at": ["to", "country"], "op": "equals", "value": "de"}]}
	allowed := gateway.decision with input as object.union(with_rule(rule), {"call": {"arguments": {"to": {"country": "de"}}}})
	allowed.outcome == "allow"
	every to in [null, "de", {}, {"country": "fr"}, ["de"]] {
		refused := gateway.decision with input as object.union(with_rule(rule), {"call": {"arguments": {"to": to}}})
		refused.outcome == "deny"
	}
}
