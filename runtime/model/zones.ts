/** Where a tenant may be served: anywhere, in its zone, or in its one active region. */
export type Binding = 'none' | 'zone' | 'region'

/** The zone of tenants with binding `none`, in tokens, inputs and records. */
export const GLOBAL_ZONE = 'global'

export type TenantMode = 'enforce' | 'shadow'

/** A tenant as the signed directory declares it. */
export interface Tenant {
  id: string
  /** A zone, or `global` with binding `none`. */
  zone: string
  /** Null with binding `none`. */
  homeRegion: string | null
  binding: Binding
  mode: TenantMode
  /** `observe`: exports of personal data are counted and not yet refused, on the way to a binding that is enforced. */
  residency: 'enforce' | 'observe'
}
