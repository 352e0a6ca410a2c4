import { parse } from 'yaml'
import { at, isObject, type Json, type JsonObject, objects, type Place, type Resource, textOf, textsIn } from '../resource.ts'
import type { Rule } from '../rule.ts'

/** Where the OpenTelemetry SDK sends what it collects ("OTLP Exporter Configuration", OpenTelemetry specification). */
const ENDPOINT_VARIABLE = /^OTEL_EXPORTER_.*ENDPOINT$/
/** What an exporter of the collector calls a destination. */
const DESTINATION_KEY = /(^|_)(endpoint|region|url)$/
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]']

export const exporterStaysInRegion: Rule = {
  id: 'ExporterStaysInRegion',
  info: 'Traces, metrics or logs of a task are sent out of their region.',
  explanation:
    "A span says who called what for whom. A task exports to its own collector, and the collector to this region's services, by endpoints that have the region in their name. Global endpoints and other hosts lead elsewhere.",
  check(resource, layout) {
    if (!layout.holdsResidencyData(resource.place)) return []
    const told = [...variables(resource), ...collectors(resource)]
      .filter(({ value }) => !stays(value, resource.place))
      .map(({ name, value }) => `${name}::${value}`)
    return [...told, ...untold(resource)]
  },
}

interface Destination {
  readonly name: string
  readonly value: string
}

function variables(resource: Resource): Destination[] {
  if (resource.type !== 'AWS::ECS::TaskDefinition') return []
  return objects(resource.properties.ContainerDefinitions)
    .flatMap((container) => objects(container.Environment))
    .map((variable) => ({ name: textOf(variable.Name, resource), value: textOf(variable.Value, resource) }))
    .filter(({ name }) => ENDPOINT_VARIABLE.test(name))
}

/** Where a task may send what the template does not tell: a destination out of a secret or file, and any log driver that is not CloudWatch's. */
function untold(resource: Resource): string[] {
  if (resource.type !== 'AWS::ECS::TaskDefinition') return []
  return objects(resource.properties.ContainerDefinitions).flatMap((container) => {
    const secrets = objects(container.Secrets).map((secret) => textOf(secret.Name, resource))
    const driver = textOf(at(container.LogConfiguration, 'LogDriver'), resource)
    return [
      ...secrets.filter((name) => ENDPOINT_VARIABLE.test(name)).map((name) => `${name}::secret`),
      ...(container.EnvironmentFiles === undefined ? [] : ['EnvironmentFiles']),
      ...(['', 'awslogs'].includes(driver) ? [] : [`LogDriver::${driver}`]),
    ]
  })
}

/** Destinations in every text that is a configuration of a collector, whatever resource it is kept in. */
function collectors(resource: Resource): Destination[] {
  return configurations(resource.properties, resource)
    .flatMap((text) => Object.entries(exportersOf(text)))
    .flatMap(([exporter, settings]) =>
      [...textsIn(settings)].filter(({ key }) => DESTINATION_KEY.test(key)).map(({ text }) => ({ name: exporter, value: text })),
    )
}

function configurations(value: Json, resource: Resource): string[] {
  if (isObject(value) && !('Fn::Join' in value) && !('Fn::Sub' in value))
    return Object.values(value).flatMap((inner) => configurations(inner, resource))
  if (Array.isArray(value)) return value.flatMap((inner) => configurations(inner, resource))
  const text = textOf(value, resource)
  return /^\s*["']?exporters["']?\s*:/m.test(text) || /"exporters"\s*:/.test(text) ? [text] : []
}

function exportersOf(text: string): JsonObject {
  const exporters = at(parse(text) as Json, 'exporters')
  if (!isObject(exporters)) throw new Error('The exporters of a collector cannot be read.')
  return exporters
}

function stays(value: string, { region }: Place): boolean {
  if (value === region || /^\$\{(env:)?AWS_REGION\}$/.test(value)) return true
  const [host = ''] = value.replace(/^\w+:\/\//, '').split('/')
  if (LOOPBACK.includes(host.replace(/:\d+$/, ''))) return true
  return new RegExp(`^[a-z0-9-]+(\\.[a-z0-9-]+)*\\.${region}\\.amazonaws\\.com(:\\d+)?$`).test(host)
}
