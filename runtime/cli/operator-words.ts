// Words that the command line offers and the commands use. Apart from both, so that naming them loads nothing else.

/** Who may decide in the demo deployment: two people with the role approver, and a data protection officer. */
export const APPROVERS = ['approver', 'second', 'dpo'] as const
export type Approver = (typeof APPROVERS)[number]

/** What a kill switch can stop. */
export const KILL_SCOPES = ['agent', 'tenant', 'tool', 'region', 'key', 'token'] as const
export type KillScopeType = (typeof KILL_SCOPES)[number]

/** What the directory holds and operators change, and where its API has it. */
export const DIRECTORY_PARTS = ['tenant', 'client', 'budget', 'reader'] as const
export type DirectoryPart = (typeof DIRECTORY_PARTS)[number]
