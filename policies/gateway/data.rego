package aegis.gateway

# policy.data = {class or family: {do, method, export}}. `national_id` covers `national_id.de`; the
# exact class wins. A class that the document does not name may be used inside the zone.
data_rule(class) := object.get(policy, ["data", class], object.get(policy, ["data", family(class)], {}))

family(class) := split(class, ".")[0]

deny contains {"code": "data_class_denied", "rule": concat(".", ["data", class])} if {
	some class in input.data.classes
	not usable(class)
}

usable(class) if object.get(data_rule(class), "do", "allow") in {"allow", "sanitize"}

sanitize contains {"class": class, "method": object.get(data_rule(class), "method", "redact")} if {
	some class in input.data.classes
	data_rule(class).do == "sanitize"
}
