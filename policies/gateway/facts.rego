package aegis.gateway

deny contains {"code": "policy_input_invalid", "rule": "facts"} if not facts_well_formed

facts_well_formed if {
	is_string(input.call.tool)
	is_string(input.call.action)
	is_object(args)
	is_string(input.agent.id)
	is_string(input.tenant.id)
	is_string(input.tenant.zone)
	is_string(input.zone)
	is_string(input.region)
	binding_fits_zone
	strings(input.data.classes)
	is_array(input.data.findings)
	is_amount(input.data.findings_total)
	count(input.data.findings) <= input.data.findings_total
}

binding_fits_zone if {
	input.tenant.binding == "none"
	input.tenant.zone == "global"
}

binding_fits_zone if {
	input.tenant.binding in {"zone", "region"}
	input.tenant.zone != "global"
}

# The token was checked against the zone before; a gateway of another zone that got this far is broken.
deny contains {"code": "foreign_zone", "rule": "zone"} if {
	input.tenant.binding != "none"
	input.tenant.zone != input.zone
}

strings(values) if {
	is_array(values)
	every value in values {
		is_string(value)
	}
}
