import type { Account } from './ledger.ts'

/** Counts what agents in shadow mode would have spent, in this process alone: it touches no slice and holds back nobody else's budget. */
export interface ShadowBook {
  account(agent: string, period: string, budget: { amount: number; unit: string }): ShadowAccount
  /** Drops the periods before. */
  forgetBefore(period: string): void
}

export interface ShadowAccount extends Account {
  readonly remaining: number
}

export function createShadowBook(): ShadowBook {
  const accounts = new Map<string, Counted>()
  return {
    account(agent, period, { amount, unit }) {
      const key = `${period} ${agent} ${unit}`
      let account = accounts.get(key)
      if (account === undefined) {
        account = new Counted(unit)
        accounts.set(key, account)
      }
      account.amount = amount
      return account
    },
    forgetBefore(period) {
      for (const key of accounts.keys()) if (key.slice(0, period.length) < period) accounts.delete(key)
    },
  }
}

class Counted implements ShadowAccount {
  readonly unit: string
  amount = 0
  #used = 0

  constructor(unit: string) {
    this.unit = unit
  }

  get remaining(): number {
    return Math.max(0, this.amount - this.#used)
  }

  hold(cost: number): boolean {
    if (cost > this.remaining) return false
    this.#used += cost
    return true
  }

  close(cost: number, spent: number): void {
    this.#used -= cost - spent
  }
}
