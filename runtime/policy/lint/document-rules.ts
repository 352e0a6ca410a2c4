import { budgetUnspent } from './documents/budget-unspent.ts'
import { chainAllowed } from './documents/chain-allowed.ts'
import { chainCovered } from './documents/chain-covered.ts'
import { classLikeFamily } from './documents/class-like-family.ts'
import { currencyEnum } from './documents/currency-enum.ts'
import { driftUnpinned } from './documents/drift-unpinned.ts'
import { egressHosts } from './documents/egress-hosts.ts'
import { egressTool } from './documents/egress-tool.ts'
import { emptyTool } from './documents/empty-tool.ts'
import { exportNever } from './documents/export-never.ts'
import { hostNotDeployed } from './documents/host-not-deployed.ts'
import { limitCurrency } from './documents/limit-currency.ts'
import { paramsContradict } from './documents/params-contradict.ts'
import { paramsSchema } from './documents/params-schema.ts'
import { plainValues } from './documents/plain-values.ts'
import { tenantZone } from './documents/tenant-zone.ts'
import type { DocumentRule } from './rule.ts'

/** Every rule of documents. Names that do not exist and limits that are missing are found before: see `checkAgent` and `checkTools`. */
export const DOCUMENT_RULES: readonly DocumentRule[] = [
  budgetUnspent,
  chainAllowed,
  chainCovered,
  classLikeFamily,
  currencyEnum,
  driftUnpinned,
  egressHosts,
  egressTool,
  emptyTool,
  exportNever,
  hostNotDeployed,
  limitCurrency,
  paramsContradict,
  paramsSchema,
  plainValues,
  tenantZone,
]
