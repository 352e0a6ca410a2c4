import { objects, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'

export const experimentHasStopAlarm: Rule = {
  id: 'ExperimentHasStopAlarm',
  info: 'An experiment that breaks things goes on whatever it breaks.',
  explanation:
    'A drill that harms more than it was meant to ends by itself: every stop condition of a FIS experiment is a CloudWatch alarm, and there is one at least.',
  check(resource) {
    if (resource.type !== 'AWS::FIS::ExperimentTemplate') return []
    const conditions = objects(resource.properties.StopConditions)
    if (conditions.length === 0) return ['StopConditions::none']
    return conditions
      .map((condition) => ({ source: textOf(condition.Source, resource), alarm: textOf(condition.Value, resource) }))
      .filter(({ source, alarm }) => source !== 'aws:cloudwatch:alarm' || alarm === '')
      .map(({ source }) => `StopConditions::${source}`)
  },
}
