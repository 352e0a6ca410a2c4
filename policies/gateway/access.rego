package aegis.gateway

deny contains {"code": "unknown_agent", "rule": "agent"} if not agent_known

# The document must be of the token's tenant: an agent id alone proves nothing.
agent_known if {
	is_object(policy)
	policy.tenant == input.tenant.id
}

deny contains {"code": "tool_not_allowed", "rule": "allowed_tools"} if {
	agent_known
	not permitted
}

permitted if is_object(permission)

# What the document says about this action of this tool.
permission := policy.tools[input.call.tool][input.call.action]

deny contains {"code": "unregistered_tool", "rule": "registry"} if not registered

registered if {
	input.tool.name == input.call.tool
	input.tool.action == input.call.action
	input.tool.effect in {"read", "write"}
	strings(input.tool.zones)
}

# A tool whose definition is no longer the registered one.
deny contains {"code": "tool_drift", "rule": "on_drift"} if {
	drifted
	not drift_passes
}

drift_passes if on_drift in {"allow", "approval_needed"}

ask contains {"code": "tool_drift", "rule": "on_drift", "role": "approver"} if {
	drifted
	on_drift == "approval_needed"
}

drifted if {
	registered
	not steady
}

steady if input.tool.drift == false

default on_drift := "deny"

on_drift := permission.on_drift
