import { at, isList, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'

export const serviceRollsBack: Rule = {
  id: 'ServiceRollsBack',
  info: 'A service stays with tasks that fail.',
  explanation:
    'A rolling deployment has the circuit breaker with rollback, which sees tasks that do not start. One that shifts traffic has alarms with rollback, which see tasks that start and answer badly; its circuit breaker is welcome beside them.',
  check(resource) {
    const { type, properties } = resource
    if (type !== 'AWS::ECS::Service') return []
    const controller = textOf(at(properties.DeploymentController, 'Type'), resource)
    if (!['', 'ECS'].includes(controller)) return [`DeploymentController::${controller}`]
    const on = (part: string) =>
      ['Enable', 'Rollback'].every((key) => textOf(at(properties.DeploymentConfiguration, part, key), resource) === 'true')
    const strategy = textOf(at(properties.DeploymentConfiguration, 'Strategy'), resource)
    if (['', 'ROLLING'].includes(strategy)) return on('DeploymentCircuitBreaker') ? [] : ['DeploymentCircuitBreaker']
    const alarms = at(properties.DeploymentConfiguration, 'Alarms', 'AlarmNames')
    return on('Alarms') && isList(alarms) && alarms.length > 0 ? [] : ['Alarms']
  },
}
