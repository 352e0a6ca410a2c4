import { z } from 'zod'
import { publicNames, stackNames } from '../../../config/names.ts'
import type { Deployment } from '../../../config/schema.ts'
import { tableRightsOf } from './access.ts'
import type { Resource } from './assembly.ts'
import { resolve, Unresolved, where } from './intrinsics.ts'
import { cfnNumber } from './properties.ts'
import { TemplateError } from './template-error.ts'
import type { Cell, LoadBalancer, RecordSet, Secret } from './topology.ts'

interface Known {
  deployment: Deployment
  regions: { region: string; zone: string }[]
  records: RecordSet[]
  loadBalancers: LoadBalancer[]
  secrets: Secret[]
}

/**
 * The gateway of every serving region: the task definition in that region's gateway stack. Task definitions of
 * other stacks belong to other services. Throws a TemplateError for a region that has no gateway or no public name.
 */
export function readCells(resources: Resource[], known: Known): Cell[] {
  const taskDefinitions = resources.filter(({ type }) => type === 'AWS::ECS::TaskDefinition')
  return known.regions.map(({ region, zone }) => {
    const stackName = stackNames(known.deployment).gateway(region)
    const [task, second] = taskDefinitions.filter(({ stack }) => stack.name === stackName)
    if (task === undefined || second !== undefined)
      throw new TemplateError(
        stackName,
        `has ${task === undefined ? 'no' : 'more than one'} AWS::ECS::TaskDefinition`,
        'a region runs one gateway',
      )
    return {
      region,
      zone,
      account: task.stack.account,
      ...gatewayContainer(task, known.secrets),
      tableRights: tableRightsOf(task, resources),
      loadBalancer: balancerOf(region, known),
    }
  })
}

/** The container that knows its region. Collectors beside it are not started by the fabric. */
function gatewayContainer(task: Resource, secrets: Secret[]): Pick<Cell, 'environment' | 'secrets' | 'port'> {
  const path = 'ContainerDefinitions'
  const raw = rawContainers.safeParse(task.properties[path])
  if (!raw.success)
    throw new TemplateError(where(task, path), 'is not a list of containers', 'the fabric reads literal container definitions')
  const index = raw.data.findIndex(({ Environment }) => Environment.some(({ Name }) => Name === 'AEGIS_REGION'))
  const container = raw.data[index]
  if (container === undefined)
    throw new TemplateError(where(task, path), 'no container has AEGIS_REGION in its environment', 'set it on the gateway container')
  const environment = Object.fromEntries(
    container.Environment.map(({ Name, Value }) => {
      const at = `${path}.${index}.Environment.${Name}`
      const value = resolve(Value, task.stack)
      if (value instanceof Unresolved) throw new TemplateError(where(task, at), value.what, 'use a name from config/names.ts')
      if (typeof value !== 'string') throw new TemplateError(where(task, at), `is ${JSON.stringify(value)}`, 'a variable is a string')
      return [Name, value]
    }),
  )
  const ports = container.PortMappings.map(({ ContainerPort }) => ContainerPort)
  const port = ports.length === 1 ? ports[0] : ports.find((candidate) => String(candidate) === environment.AEGIS_PORT)
  if (port === undefined)
    throw new TemplateError(
      where(task, `${path}.${index}.PortMappings`),
      `ports ${ports.join(', ') || 'none'}`,
      'map the port in AEGIS_PORT',
    )
  const filled = container.Secrets.filter(({ Name }) => !MADE_ELSEWHERE.has(Name)).map(({ Name, ValueFrom }) => {
    const found = secretOf(ValueFrom, task, secrets)
    if (found !== undefined) return [Name, found.name] as const
    throw new TemplateError(
      where(task, `${path}.${index}.Secrets.${Name}`),
      `${ValueFrom} is no secret of the templates in ${task.stack.region}`,
      'make the secret there, or a copy of it, in a stack of this app',
    )
  })
  return { environment, secrets: Object.fromEntries(filled), port }
}

/** Variables from secrets that the company makes itself. The fabric has targets of its own. */
const MADE_ELSEWHERE = new Set(['AEGIS_NOTIFY'])

/** The secret behind an ARN without the suffix that only AWS knows: in the task's own region and account. */
function secretOf(arn: string, { stack }: Resource, secrets: Secret[]): Secret | undefined {
  const prefix = `arn:aws:secretsmanager:${stack.region}:${stack.account}:secret:`
  return secrets.find(
    ({ name, regions, origin }) => arn === `${prefix}${name}` && regions.includes(stack.region) && origin.account === stack.account,
  )
}

const rawContainers = z.array(
  z.object({
    Environment: z.array(z.object({ Name: z.string(), Value: z.unknown() })).default([]),
    Secrets: z.array(z.object({ Name: z.string(), ValueFrom: z.string() })).default([]),
    PortMappings: z.array(z.object({ ContainerPort: cfnNumber })).default([]),
  }),
)

function balancerOf(region: string, { deployment, records, loadBalancers }: Known): string {
  const name = publicNames(deployment).regional(region)
  const record = records.find((candidate) => candidate.name === name && candidate.type === 'A')
  const balancer =
    record !== undefined && 'loadBalancer' in record.target
      ? loadBalancers.find(({ id }) => id === (record.target as { loadBalancer: string }).loadBalancer)
      : undefined
  if (balancer === undefined)
    throw new TemplateError(
      stackNames(deployment).gateway(region),
      `no A alias record ${name} to a load balancer`,
      'the region has no public name',
    )
  if (balancer.region !== region)
    throw new TemplateError(
      stackNames(deployment).gateway(region),
      `${name} points to a load balancer in ${balancer.region}`,
      'keep it in the region',
    )
  return balancer.id
}
