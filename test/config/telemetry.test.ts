import { deployment as input } from '../../config/deployment.ts'
import { METRICS } from '../../config/metrics.ts'
import { cellNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { DIMENSION_SETS, DIMENSIONS, emfExporter, metricNamespace } from '../../config/telemetry.ts'

const deployment = resolveDeployment(input)

describe('the metrics that CloudWatch knows', () => {
  it('can each be found by their region alone', () => {
    for (const [metric, sets] of Object.entries(DIMENSION_SETS)) expect([metric, sets[0]]).toEqual([metric, ['region']])
  })

  it('have no dimension whose values callers or tenants choose', () => {
    for (const attribute of Object.values(DIMENSIONS)) expect(attribute).not.toMatch(/tenant|tool|agent|rule/)
  })

  it('have a namespace for each environment', () => {
    expect(metricNamespace(deployment)).toBe('aegis/prod')
  })
})

describe("the collector's exporter", () => {
  const settings = emfExporter(deployment, 'eu-west-1', 'eu')

  it("writes into the region's own log group and namespace, and rolls nothing up", () => {
    expect(settings).toMatchObject({
      region: 'eu-west-1',
      namespace: 'aegis/prod',
      log_group_name: cellNames(deployment, 'eu-west-1', 'eu').metricsLogs,
      dimension_rollup_option: 'NoDimensionRollup',
      resource_to_telemetry_conversion: { enabled: true },
    })
  })

  it('selects each metric by a pattern that fits it and no other', () => {
    const names = Object.values(METRICS)
    for (const [index, { metric_name_selectors: selectors }] of settings.metric_declarations.entries()) {
      const fitting = names.filter((name) => selectors.some((selector) => new RegExp(selector).test(name)))
      expect(fitting).toEqual([names[index]])
    }
  })

  it('names dimensions as the gateways name attributes', () => {
    const [decisions] = settings.metric_declarations
    expect(decisions?.dimensions).toEqual([['cloud.region'], ['cloud.region', 'aegis.decision'], ['cloud.region', 'aegis.code']])
  })
})
