import { alarmsSuite } from './suites/alarms.ts'
import { appSuite } from './suites/app.ts'
import { bundleStoreSuite } from './suites/bundle-store.ts'
import { collectorSuite } from './suites/collector.ts'
import { contentsSuite } from './suites/contents.ts'
import { controlPlaneSuite } from './suites/control-plane.ts'
import { controlPlaneStandbySuite } from './suites/control-plane-standby.ts'
import { deployRulesSuite } from './suites/deploy-rules.ts'
import { dnsSuite } from './suites/dns.ts'
import { drillDirectorSuite } from './suites/drill-director.ts'
import { drillsSuite } from './suites/drills.ts'
import { gatewaySuite } from './suites/gateway.ts'
import { gatewayDeploymentSuite } from './suites/gateway-deployment.ts'
import { gatewayRightsSuite } from './suites/gateway-rights.ts'
import { gatewayScalingSuite } from './suites/gateway-scaling.ts'
import { globalStateSuite } from './suites/global-state.ts'
import { keysSuite } from './suites/keys.ts'
import { nagSuite } from './suites/nag.ts'
import { networkSuite } from './suites/network.ts'
import { observabilitySuite } from './suites/observability.ts'
import { orgGuardrailsSuite } from './suites/org-guardrails.ts'
import { residencyStoreSuite } from './suites/residency-store.ts'
import { routingSuite } from './suites/routing.ts'
import { usedRightsSuite } from './suites/used-rights.ts'
import { zoneSuite } from './suites/zone.ts'
import { ONE_REGION, synthesize, synthesizeOwn } from './synthesized.ts'

// One synthesized app for every suite: synthesizing takes seconds, and jest shares nothing between files.
const synthesized = synthesize()
const notifying = synthesize({ ...ONE_REGION, notify: { secretName: 'company/aegis-notify', topics: ['approvals'] } })

describe('the whole app', () => appSuite(synthesized))
describe('contents', () => contentsSuite(synthesized))
describe('rules of a deploy', () =>
  deployRulesSuite(synthesized, synthesizeOwn(), synthesizeOwn({ documentsDir: 'demo', allowDemo: true })))
describe('cdk-nag', () => nagSuite(synthesized))
describe('dns', () => dnsSuite(synthesized))
describe('keys', () => keysSuite(synthesized))
describe('global-state', () => globalStateSuite(synthesized))
describe('zone', () => zoneSuite(synthesized))
describe('control-plane', () => controlPlaneSuite(synthesized))
describe('control-plane, standby', () => controlPlaneStandbySuite(synthesized))
describe('bundle-store', () => bundleStoreSuite(synthesized))
describe('network', () => networkSuite(synthesized))
describe('residency-store', () => residencyStoreSuite(synthesized))
describe('gateway', () => gatewaySuite(synthesized))
describe('deployments of the gateway', () => gatewayDeploymentSuite(synthesized))
describe('scaling of the gateway', () => gatewayScalingSuite(synthesized))
describe('collector', () => collectorSuite(synthesized))
describe('rights of the gateway', () => gatewayRightsSuite(synthesized, notifying))
describe('rights and what the runtime calls', () => usedRightsSuite(synthesized, notifying))
describe('routing', () => routingSuite(synthesized))
describe('alarms', () => alarmsSuite(synthesized))
describe('observability', () => observabilitySuite(synthesized))
describe('drills', () => drillsSuite(synthesized))
describe('drill director', () => drillDirectorSuite(synthesized))
describe('org-guardrails', () => orgGuardrailsSuite(synthesized))
