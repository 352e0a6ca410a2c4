/**
 * Says what is wrong with a command that a runbook gives to a person, or undefined. Recovery touches only data
 * planes: the control planes of Route 53 and IAM live in one region, and CloudFormation, ECS and the like are
 * what an outage takes first (AWS Well-Architected, REL11-BP04). So the list is of what may be used.
 */
export function cloudCommandFault(command: string): string | undefined {
  const words = command.trim().split(/\s+/)
  const program = words[0] ?? ''
  if (program === '') return 'is an empty command'
  // One command a line: a pipe or substitution could carry a second program past this check.
  if (/[;|&`\n]|\$\(|[<>]\(/.test(withoutQuoted(command))) return `must be one plain command, got ${JSON.stringify(command)}`
  if (program === 'aws') return awsFault(words)
  if (PROGRAMS.has(program)) return undefined
  return `uses ${JSON.stringify(program)}; a runbook may use aws, ${[...PROGRAMS].join(', ')}`
}

const PROGRAMS = new Set(['dig', 'curl', 'npm'])

/** Data-plane operations of AWS CLI v2, by service. `ecs stop-task` is here for faults: it loses tasks, it recovers nothing. */
const DATA_PLANE: Readonly<Record<string, readonly string[]>> = {
  cloudwatch: ['put-metric-data', 'get-metric-data'],
  dynamodb: ['get-item', 'put-item', 'update-item', 'query'],
  ecs: ['list-tasks', 'stop-task'],
  logs: ['filter-log-events'],
  s3api: ['get-object', 'head-object', 'list-objects-v2'],
  'route53-recovery-cluster': ['get-routing-control-state', 'update-routing-control-state', 'update-routing-control-states'],
}

function awsFault(words: readonly string[]): string | undefined {
  const [, service = '', operation = ''] = words
  if (DATA_PLANE[service]?.includes(operation) !== true) {
    return `uses aws ${service} ${operation}, which is not a data-plane operation that a runbook may rely on`
  }
  return words.includes('--region') ? undefined : `aws ${service} ${operation} needs --region: the default may be the lost one`
}

/** Blanks out what stands in single quotes: a JSON key or a JMESPath query may hold any character. */
function withoutQuoted(command: string): string {
  return command.replace(/'[^']*'/g, "''")
}
