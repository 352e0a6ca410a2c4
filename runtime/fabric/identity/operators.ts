import type { Operator, OperatorIssuer } from './operator-issuer.ts'

// The people of the demo. Each has one role, so that what a role may not do can be tried.

const APPROVERS = { approver: 'approver', second: 'approver', dpo: 'dpo' } as const
const OPERATORS = ['viewer', 'author', 'publisher', 'killer', 'failover'] as const

/** Tokens of people who approve for one tenant, and of those who operate for all. Keys of `fabric.json`. */
export interface OperatorTokens {
  approver_tokens: Record<string, Record<keyof typeof APPROVERS, string>>
  operator_tokens: Record<(typeof OPERATORS)[number], string>
}

export function operatorTokens({ issue }: Pick<OperatorIssuer, 'issue'>, tenants: readonly string[]): OperatorTokens {
  const approver = (name: keyof typeof APPROVERS, tenant: string) =>
    issue({ sub: `${name}@${tenant}`, tenants: [tenant], roles: [APPROVERS[name]] } satisfies Operator)
  const operator = (name: (typeof OPERATORS)[number]) =>
    issue({ sub: `${name}@operators`, tenants: ['*'], roles: [name] } satisfies Operator)
  return {
    approver_tokens: Object.fromEntries(
      tenants.map((tenant) => [
        tenant,
        { approver: approver('approver', tenant), second: approver('second', tenant), dpo: approver('dpo', tenant) },
      ]),
    ),
    operator_tokens: {
      viewer: operator('viewer'),
      author: operator('author'),
      publisher: operator('publisher'),
      killer: operator('killer'),
      failover: operator('failover'),
    },
  }
}
