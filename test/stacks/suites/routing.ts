import { publicNames, stackNames } from '../../../config/names.ts'
import { primaryOf, regionsOf } from '../../../config/schema.ts'
import { type Resource, resourcesOf, type Synthesized } from '../synthesized.ts'

/** Longest that a resolver may keep an answer that names a lost region, in seconds. */
const TTL_MAX_S = 60

interface RecordSet {
  Name: string
  Type: string
  TTL?: string
  AliasTarget?: unknown
  ResourceRecords?: string[]
  SetIdentifier?: string
  Failover?: string
  Region?: string
  HealthCheckId?: { Ref: string }
}

/** Records whose TTL is too long or left to CDK, which takes 30 minutes. Aliases have the TTL of their target. */
function slowRecords(records: readonly RecordSet[]): string[] {
  return records
    .filter(({ TTL, AliasTarget }) => AliasTarget === undefined && !(Number(TTL) >= 1 && Number(TTL) <= TTL_MAX_S))
    .map(({ Name }) => Name)
}

/** Answers of a zone's name that lie outside the zone: each would serve the zone's tenants abroad. */
function foreignAnswers(records: readonly RecordSet[], allowed: readonly string[]): string[] {
  return records.flatMap(({ ResourceRecords = [] }) => ResourceRecords).filter((answer) => !allowed.includes(answer))
}

export function routingSuite({ deployment, templates }: Synthesized): void {
  const names = publicNames(deployment)
  const template = templates.get(stackNames(deployment).routing)
  const records: RecordSet[] = resourcesOf(template, 'AWS::Route53::RecordSet').map(([, { Properties }]) => Properties)
  const named = (name: string) => records.filter(({ Name }) => Name === `${name}.`)
  const checkOf = ({ HealthCheckId }: RecordSet): Resource['Properties'] =>
    template?.Resources[HealthCheckId?.Ref ?? '']?.Properties.HealthCheckConfig

  it('is not in a serving region', () => {
    expect(regionsOf(deployment).map(({ region }) => region)).not.toContain(deployment.routingRegion)
  })

  it('sets a TTL of at most a minute on every record of every stack', () => {
    const all = [...templates.values()].flatMap((each) =>
      resourcesOf(each, 'AWS::Route53::RecordSet').map(([, { Properties }]) => Properties),
    )
    expect(all.length).toBeGreaterThan(records.length)
    expect(slowRecords(all)).toEqual([])
    expect(new Set(records.map(({ TTL }) => TTL))).toEqual(new Set([String(deployment.recordTtlS)]))
  })

  it('would see a long or missing TTL', () => {
    expect(
      slowRecords([
        { Name: 'a', Type: 'CNAME', TTL: '1800' },
        { Name: 'b', Type: 'CNAME' },
      ]),
    ).toEqual(['a', 'b'])
  })

  it("answers a zone's name with regions of that zone alone", () => {
    for (const [zone, { regions }] of Object.entries(deployment.zones)) {
      expect(named(names.zone(zone)).length).toBeGreaterThan(0)
      expect(foreignAnswers(named(names.zone(zone)), regions.map(names.regional))).toEqual([])
    }
  })

  it('would see an answer outside the zone', () => {
    const planted = [{ Name: 'eu', Type: 'CNAME', ResourceRecords: [names.regional('us-east-1')] }]
    expect(foreignAnswers(planted, [names.regional('eu-west-1')])).toEqual([names.regional('us-east-1')])
  })

  it('fails a zone over from its primary to its standby', () => {
    for (const [zone, { standby }] of Object.entries(deployment.zones)) {
      const expected = [
        { Failover: 'PRIMARY', ResourceRecords: [names.regional(primaryOf(deployment, zone))] },
        ...(standby === undefined ? [] : [{ Failover: 'SECONDARY', ResourceRecords: [names.regional(standby)] }]),
      ]
      expect(named(names.zone(zone))).toMatchObject(expected)
    }
  })

  it('answers the global name by latency from every region', () => {
    expect(named(names.global)).toMatchObject(
      regionsOf(deployment).map(({ region }) => ({ Region: region, SetIdentifier: region, ResourceRecords: [names.regional(region)] })),
    )
  })

  it('gives every record the health check of the region that it names', () => {
    expect(records).toHaveLength(
      named(names.global).length + Object.keys(deployment.zones).flatMap((zone) => named(names.zone(zone))).length,
    )
    for (const record of records) expect(checkOf(record)?.FullyQualifiedDomainName).toBe(record.ResourceRecords?.[0])
  })

  it('probes each region over HTTPS as often as config says', () => {
    const checks = resourcesOf(template, 'AWS::Route53::HealthCheck').map(([, { Properties }]) => Properties.HealthCheckConfig)
    expect(checks).toMatchObject(
      regionsOf(deployment).map(({ region }) => ({
        Type: 'HTTPS',
        FullyQualifiedDomainName: names.regional(region),
        Port: 443,
        ResourcePath: '/health/region',
        RequestInterval: deployment.healthCheckIntervalS,
        FailureThreshold: deployment.healthCheckFailureThreshold,
        EnableSNI: true,
      })),
    )
  })
}
