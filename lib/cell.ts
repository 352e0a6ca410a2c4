import type { Environment, StackProps } from 'aws-cdk-lib/core'
import { cellNames } from '../config/names.ts'
import type { Deployment } from '../config/schema.ts'

/** A cell: one region of a zone, complete by itself. */
export interface Cell {
  readonly deployment: Deployment
  readonly region: string
  readonly zone: string
}

/** Concrete account and region, so that names become literals and synth looks nothing up. */
export function cellEnvironment({ deployment, region, zone }: Cell): Required<Environment> {
  return { account: cellNames(deployment, region, zone).account, region }
}

/** Stack properties that every stack shares. `protect`: a stack that holds what cannot be made again, or that serves, is not deleted by a slip of the hand. */
export function stackProps(
  { deployment }: Pick<Cell, 'deployment'>,
  env: Required<Environment>,
  description: string,
  { protect }: { protect: boolean },
): StackProps {
  return {
    env,
    description: `Aegis ${deployment.environment}: ${description}`,
    terminationProtection: protect,
    tags: { 'aegis:deployment': deployment.name, 'aegis:environment': deployment.environment, 'aegis:region': env.region },
  }
}
