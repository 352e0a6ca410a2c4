package aegis.gateway

# A call goes to the tenant's own zone where the tool has an endpoint there. `none` tenants have no zone:
# they are served where they arrive, and export does not apply to them.
own_zone := input.zone if input.tenant.binding == "none"

own_zone := input.tenant.zone if input.tenant.binding != "none"

default route := {}

route := {"zone": own_zone} if {
	registered
	own_zone in input.tool.zones
} else := {"zone": min(input.tool.zones)} if {
	registered
	count(input.tool.zones) > 0
}

deny contains {"code": "no_endpoint", "rule": "endpoint"} if {
	registered
	not route.zone
}

default leaves_zone := false

leaves_zone if {
	input.tenant.binding != "none"
	route.zone != own_zone
}

deny contains {"code": "residency_export", "rule": concat(".", ["export", class])} if {
	some class in exported
	not may_leave(class)
}

# A data protection officer answers for what leaves the jurisdiction.
ask contains {"code": "residency_export", "rule": concat(".", ["export", class]), "role": "dpo"} if {
	some class in exported
	export_rule(class) == "approval_needed"
}

may_leave(class) if export_rule(class) in {"allow", "approval_needed"}

export_rule(class) := object.get(data_rule(class), "export", "deny")

# Personal data that would cross the border: all classes but `ip_address`, unless rewriting removes it
# or it is the address of a recipient that the registry says may carry it. A class that is denied is here as
# well: shadow mode softens that deny, and never this one.
exported contains class if {
	leaves_zone
	some class in input.data.classes
	class != "ip_address"
	not removed(class)
	not addressed(class)
}

# A pseudonym is keyed by the zone and still personal data elsewhere.
removed(class) if {
	data_rule(class).do == "sanitize"
	object.get(data_rule(class), "method", "redact") in {"redact", "mask"}
}

# Findings are cut off at 16: what was cut off may be anywhere, so then nothing counts as addressed.
addressed(class) if {
	count(input.data.findings) == input.data.findings_total
	paths := [finding.path | some finding in input.data.findings; finding.class == class]
	count(paths) > 0
	every path in paths {
		recipient_may_carry(path, class)
	}
}

# permission.recipients = {"/to": ["email"]}
recipient_may_carry(path, class) if {
	some pointer, classes in permission.recipients
	inside(path, pointer)
	{class, family(class)} & {named | some named in classes} != set()
}

inside(path, pointer) if path == pointer

inside(path, pointer) if startswith(path, concat("", [pointer, "/"]))
