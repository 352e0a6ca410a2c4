import { CommandError, EXIT } from '../exit-codes.ts'
import { NoAnswerError } from '../operator-client.ts'
import { type Rollout, rolloutAnswer } from './answers.ts'
import type { Ask } from './control-plane.ts'
import type { PublishOptions } from './publish.ts'
import { BY_DEFAULT, type Registered } from './register.ts'

/** What is asked of a rollout. Units: those of the command's options. */
export interface Beginning extends Pick<PublishOptions, 'reason' | 'replay' | 'since' | 'shadow' | 'maxNewDenies'> {
  revision: string
  registered: Registered | undefined
  /** What was in force when the person looked: another publish in between is a conflict. */
  expects: string | null
}

/** @throws RefusedError; CommandError when it is not known whether it began */
export async function begin(
  ask: Ask,
  { revision, registered, expects, reason, replay, since, shadow, maxNewDenies }: Beginning,
): Promise<Rollout> {
  const body = {
    revision,
    expects,
    reason: reason ?? registered?.reason ?? BY_DEFAULT,
    ...(replay !== undefined && { replay: { no_new_denies_above: replay, ...(since !== undefined && { since_h: since }) } }),
    ...(shadow !== undefined && { shadow_s: shadow }),
    ...(maxNewDenies !== undefined && { max_new_deny_percent: maxNewDenies }),
  }
  const doing = `rolling out ${revision}`
  try {
    return (await ask({ as: 'publisher', method: 'POST', path: '/v1/rollouts', body, answer: rolloutAnswer, doing })).value.rollout
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error
    throw new CommandError(
      `${error.message}: whether ${revision} is being rolled out is not known; npm run policy -- status shows it`,
      EXIT.failed,
    )
  }
}
