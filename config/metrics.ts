// Names of what a gateway reports. It reports under them, and the collector, dashboards and alarms look for them. Nothing else is in this file, as of
// config/ it is all that the gateway's image has.

/** Metrics of a gateway, as OpenTelemetry names them. */
export const METRICS = {
  decisions: 'aegis.decisions',
  duration: 'aegis.decision.duration',
  softened: 'aegis.softened',
  guardFired: 'aegis.guard.fired',
  stageFailures: 'aegis.stage.failures',
  policyAge: 'aegis.policy.age',
  activationRefused: 'aegis.activation.refused',
  crossRegion: 'aegis.calls.cross_region',
  recorderDropped: 'aegis.recorder.dropped',
  budgetUsed: 'aegis.budget.used',
  budgetStranded: 'aegis.budget.stranded',
} as const
export type MetricName = keyof typeof METRICS
