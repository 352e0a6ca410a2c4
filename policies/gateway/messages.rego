package aegis.gateway

# The words of runtime/model/codes.ts; a test compares them.
messages := {
	"amount_invalid": "the amount is not a whole, non-negative number of minor units",
	"amount_over_limit": "the amount is over the limit of this action",
	"budget_exhausted": "the budget does not cover this call",
	"budget_unverified": "the agent has a budget, and what is left of it is not known",
	"chain_limit": "the chain has reached the number of calls of this kind",
	"chain_tainted": "an earlier call of the chain forbids this one",
	"chain_unverified": "the chain is not known, and a chain rule could apply",
	"currency_not_allowed": "the currency is not the one of the limit",
	"data_class_denied": "the document refuses a data class in the arguments",
	"data_class_sanitized": "a data class in the arguments has to be rewritten",
	"foreign_zone": "the only endpoint of this tool lies outside the tenant zone",
	"no_endpoint": "the tool has no endpoint that this region may use",
	"parameter_not_allowed": "a parameter is outside what the document allows",
	"policy_error": "policy could not be evaluated",
	"policy_input_invalid": "the facts given to policy are not well formed",
	"residency_export": "personal data would leave the zone",
	"tool_drift": "the tool is no longer the one that was registered",
	"tool_not_allowed": "the agent may not use this tool or action",
	"unknown_agent": "no document names this agent",
	"unregistered_tool": "the tool or action is not in the signed registry",
}
