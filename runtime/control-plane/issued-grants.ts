import type { Grant } from '../policy/directory.ts'

/**
 * Grants that regions may already have spent from. Which regions share a budget, and in which order, must not change within its
 * period, or one would get again what another has spent.
 */
export interface IssuedGrants {
  /** Takes over what a directory of a region says: the newest counts, and more than what was worked out here without knowing it. */
  learn(directory: { seq: number; grants: readonly Grant[] }): void
  /** Takes over what was just published, where nothing else was known. */
  published(grants: readonly Grant[]): void
  /** @param today UTC day: periods before it are over and forgotten */
  since(today: string): readonly Grant[]
}

interface Issued {
  grants: readonly Grant[]
  /** Of the directory that they were learnt from; null when they were worked out here, and no region is known to have others. */
  learntAt: number | null
}

export function issuedGrants(): IssuedGrants {
  const byBudget = new Map<string, Issued>()

  return {
    learn({ seq, grants }) {
      for (const [budget, found] of Map.groupBy(grants, budgetOf)) {
        if ((byBudget.get(budget)?.learntAt ?? 0) < seq) byBudget.set(budget, { grants: found, learntAt: seq })
      }
    },
    published(grants) {
      for (const [budget, found] of Map.groupBy(grants, budgetOf)) {
        byBudget.set(budget, { grants: found, learntAt: byBudget.get(budget)?.learntAt ?? null })
      }
    },
    since(today) {
      for (const [budget, { grants }] of byBudget) if (grants.every(({ period }) => period < today)) byBudget.delete(budget)
      return [...byBudget.values()].flatMap(({ grants }) => grants)
    },
  }
}

const budgetOf = ({ tenant, agent, period, unit }: Grant) => JSON.stringify([tenant, agent, period, unit])
