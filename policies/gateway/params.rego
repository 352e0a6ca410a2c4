package aegis.gateway

# permission.params = [{name, at, op, value}]: each must hold. A parameter that is absent holds nothing.
deny contains {"code": "parameter_not_allowed", "rule": concat(".", ["params", object.get(param, "name", "unnamed")])} if {
	some param in permission.params
	not fits(param)
}

fits(param) if holds(param, object.get(args, param.at, null))

holds(param, value) if {
	param.op == "equals"
	value == param.value
}

holds(param, value) if {
	param.op == "one_of"
	value in param.value
}

holds(param, value) if {
	param.op == "prefix"
	is_string(value)
	startswith(value, param.value)
}

holds(param, value) if {
	param.op == "suffix"
	is_string(value)
	endswith(value, param.value)
}

holds(param, value) if {
	param.op == "at_most"
	is_amount(value)
	is_amount(param.value)
	value <= param.value
}
