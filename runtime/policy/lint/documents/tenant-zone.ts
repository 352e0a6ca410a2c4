import { GLOBAL_ZONE } from '../../../model/zones.ts'
import type { DocumentRule } from '../rule.ts'

/** The tenant decides where a document is served. An author who says a zone says what they believe, and is told when it is not so. */
export const tenantZone: DocumentRule = {
  id: 'tenant-zone',
  refuses: 'a `zone` that is not the one of its tenant',
  agent({ document, tenants }, report) {
    const tenant = tenants.get(document.tenant)
    if (document.zone === undefined || tenant === undefined || tenant.zone === document.zone) return
    const is = tenant.zone === GLOBAL_ZONE ? 'is bound to no zone' : `is in zone ${tenant.zone}`
    report(['zone'], `says ${document.zone}, and tenant ${tenant.id} ${is}; correct zone or tenant, or leave zone out`)
  },
}
