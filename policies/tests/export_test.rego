package aegis.gateway_test

import data.aegis.gateway

test_allows_an_export_without_personal_data if {
	decision := gateway.decision with input as carrying(mail, ["ip_address"])
	decision.outcome == "allow"
	decision.obligations.export
	decision.obligations.route_zone == "us"
}

test_refuses_to_export_a_class_that_is_not_named if {
	decision := gateway.decision with input as carrying(mail, ["passport"])
	decision.outcome == "deny"
	said(decision) == ["residency_export export.passport"]
}

test_asks_a_dpo_where_the_document_says_so if {
	decision := gateway.decision with input as carrying(mail, ["health_record"])
	decision.outcome == "approval_needed"
	said(decision) == ["residency_export export.health_record"]
	decision.obligations.approval.roles == ["dpo"]
}

test_exports_a_class_that_may_leave if {
	decision := gateway.decision with input as carrying(mail, ["us_ssn"])
	decision.outcome == "allow"
}

test_masked_data_does_not_leave if {
	decision := gateway.decision with input as carrying(mail, ["iban"])
	decision.outcome == "sanitize"
}

test_refuses_to_export_a_pseudonym if {
	decision := gateway.decision with input as carrying(mail, ["phone"])
	decision.outcome == "deny"
	said(decision) == ["residency_export export.phone", "data_class_sanitized data.phone"]
}

addressed(findings, total) := object.union(mail, {"data": {"classes": ["email"], "findings": findings, "findings_total": total}})

test_a_recipient_may_carry_its_class if {
	every path in ["/to", "/to/0"] {
		decision := gateway.decision with input as addressed([{"path": path, "class": "email"}], 1)
		decision.outcome == "allow"
	}
}

test_refuses_the_class_outside_the_recipient if {
	every findings in [
		[{"path": "/body", "class": "email"}],
		[{"path": "/to", "class": "email"}, {"path": "/body", "class": "email"}],
		[{"path": "/tomorrow", "class": "email"}],
		[{"path": "/to", "class": "phone"}],
		[],
		[{"path": null, "class": "email"}],
	] {
		decision := gateway.decision with input as addressed(findings, count(findings))
		decision.outcome == "deny"
		"residency_export export.email" in said(decision)
	}
}

test_refuses_a_recipient_with_another_class if {
	facts := object.union(mail, {"data": {
		"classes": ["passport"],
		"findings": [{"path": "/to", "class": "passport"}],
		"findings_total": 1,
	}})
	decision := gateway.decision with input as facts
	said(decision) == ["residency_export export.passport"]
}

test_refuses_when_findings_were_cut_off if {
	decision := gateway.decision with input as addressed([{"path": "/to", "class": "email"}], 17)
	said(decision) == ["residency_export export.email"]
}

test_a_tenant_without_residency_goes_where_it_arrives if {
	facts := object.union(carrying(base, ["passport"]), {
		"tenant": {"zone": "global", "binding": "none", "home_region": null},
		"zone": "us",
	})
	decision := gateway.decision with input as facts
	decision.outcome == "allow"
	decision.obligations.route_zone == "us"
	decision.obligations.export == false
}

test_a_tenant_without_residency_may_go_further if {
	facts := object.union(carrying(mail, ["passport"]), {"tenant": {"zone": "global", "binding": "none", "home_region": null}})
	decision := gateway.decision with input as facts
	decision.outcome == "allow"
	decision.obligations.route_zone == "us"
	decision.obligations.export == false
}

test_refuses_a_tool_without_endpoint if {
	decision := gateway.decision with input as object.union(base, {"tool": {"zones": []}})
	decision.outcome == "deny"
	said(decision) == ["no_endpoint endpoint"]
	decision.obligations.route_zone == null
}
