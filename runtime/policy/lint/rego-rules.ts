import { bannedFunction } from './rego/banned-function.ts'
import { constantFalse } from './rego/constant-false.ts'
import { defaultDeny } from './rego/default-deny.ts'
import { negatedFacts } from './rego/negated-facts.ts'
import { noData } from './rego/no-data.ts'
import { ownPackage } from './rego/own-package.ts'
import { unknownCode } from './rego/unknown-code.ts'
import type { RegoLintRule } from './rego-rule.ts'

/** Every rule about the Rego of the library. `opa check`, `opa fmt` and `opa test` come after them. */
export const REGO_RULES: readonly RegoLintRule[] = [
  bannedFunction,
  constantFalse,
  defaultDeny,
  negatedFacts,
  noData,
  ownPackage,
  unknownCode,
]
