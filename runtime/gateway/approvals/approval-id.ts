import { randomBytes } from 'node:crypto'
import { AegisError } from '../../model/codes.ts'

/** `apr.<region>.<128 random bits>`: names the region that alone can say anything about it. */
export function newApprovalId(region: string): string {
  return `apr.${region}.${randomBytes(16).toString('base64url')}`
}

const APPROVAL_ID = /^apr\.([a-z]{2}(?:-[a-z]+){1,3}-\d)\.[A-Za-z0-9_-]{22}$/

/** @returns the region in an id, or undefined when the text is none */
export function regionOfApproval(id: string): string | undefined {
  return APPROVAL_ID.exec(id)?.[1]
}

/**
 * @param regionUrl URL of a region of this deployment, undefined for others: a caller is never sent to a place that an id made up
 * @throws AegisError held_elsewhere for another region's, not_found for what is no id
 */
export function checkHeldHere(id: string, region: string, regionUrl: (region: string) => string | undefined): void {
  const holder = regionOfApproval(id)
  if (holder === region) return
  const url = holder === undefined ? undefined : regionUrl(holder)
  if (holder === undefined || url === undefined) throw new AegisError('not_found', 'there is no such approval')
  throw new AegisError('held_elsewhere', `this approval lives in ${holder} and is used only there`, { region: holder, url })
}
