import { experimentHasStopAlarm } from '../../../lib/nag/rules/experiment-has-stop-alarm.ts'
import { serviceRollsBack } from '../../../lib/nag/rules/service-rolls-back.ts'
import { type RuleSuite, raw } from '../planted.ts'

const service = (deploymentConfiguration: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  raw('AWS::ECS::Service', { DeploymentConfiguration: deploymentConfiguration, ...more })
const ON = { Enable: true, Rollback: true }

const experiment = (...conditions: Record<string, unknown>[]) => raw('AWS::FIS::ExperimentTemplate', { StopConditions: conditions })

export const serviceSuites: RuleSuite[] = [
  {
    rule: serviceRollsBack,
    refuses: [
      { name: 'no circuit breaker', plant: raw('AWS::ECS::Service', {}), finds: ['DeploymentCircuitBreaker'] },
      {
        name: 'a circuit breaker that stops and stays there',
        plant: service({ DeploymentCircuitBreaker: { Enable: true, Rollback: false } }),
        finds: ['DeploymentCircuitBreaker'],
      },
      {
        name: 'a canary without alarms, whose tasks start and answer badly',
        plant: service({ Strategy: 'CANARY', DeploymentCircuitBreaker: ON }),
        finds: ['Alarms'],
      },
      {
        name: 'a canary whose list of alarms is empty',
        plant: service({ Strategy: 'CANARY', Alarms: { ...ON, AlarmNames: [] } }),
        finds: ['Alarms'],
      },
      {
        name: 'a deployment that somebody else controls',
        plant: service({}, { DeploymentController: { Type: 'EXTERNAL' } }),
        finds: ['DeploymentController::EXTERNAL'],
      },
    ],
    accepts: [
      { name: 'a rolling deployment with a circuit breaker', plant: service({ DeploymentCircuitBreaker: ON }) },
      {
        name: 'a canary that an alarm rolls back',
        plant: service({ Strategy: 'CANARY', Alarms: { ...ON, AlarmNames: ['errors'] } }, { DeploymentController: { Type: 'ECS' } }),
      },
    ],
  },
  {
    rule: experimentHasStopAlarm,
    refuses: [
      { name: 'no stop condition', plant: experiment(), finds: ['StopConditions::none'] },
      { name: "AWS's word for none", plant: experiment({ Source: 'none' }), finds: ['StopConditions::none'] },
      {
        name: 'an alarm that is not named',
        plant: experiment({ Source: 'aws:cloudwatch:alarm' }),
        finds: ['StopConditions::aws:cloudwatch:alarm'],
      },
    ],
    accepts: [
      {
        name: 'an alarm',
        plant: experiment({ Source: 'aws:cloudwatch:alarm', Value: 'arn:aws:cloudwatch:eu-west-1:222222222222:alarm:stop' }),
      },
    ],
  },
]
