import { allowedActions } from '../allowed-actions.ts'
import type { DocumentRule } from '../rule.ts'

/** `deny` is what holds anyway and harms nobody; the other answers belong to tools whose definition is pinned. */
export const driftUnpinned: DocumentRule = {
  id: 'drift-unpinned',
  refuses: '`on_drift` other than `deny` for a tool without a pinned `definition`, which never drifts',
  agent({ document, registry }, report) {
    for (const { tool, action, rule } of allowedActions(document, registry)) {
      if (rule.on_drift === 'deny' || registry[tool]?.definition !== undefined) continue
      report(
        ['allowed_tools', tool, action, 'on_drift'],
        `${tool} pins no definition, so it never drifts; pin one in tools.yaml or leave on_drift out`,
      )
    }
  },
}
