import { z } from 'zod'

// How AWS and DNS name what a configuration points at. Each says what a wrong one is not.

export const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/
export const region = z.string().regex(REGION, 'is not an AWS region name such as eu-west-1')

export const account = z.string().regex(/^\d{12}$/, 'is not a 12-digit AWS account id')

/** A name of ours that becomes part of names in AWS: of the deployment, a zone, an environment. */
export const label = z
  .string()
  .regex(
    /^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$/,
    'must be lower case letters, digits and inner hyphens, from a letter on, at most 15 characters',
  )

export const domainName = z.string().regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$/, 'is not a domain name in lower case')

export const hostedZoneId = z.string().regex(/^Z[A-Z0-9]{5,31}$/, 'is not a hosted zone id such as Z0123456789ABC')
