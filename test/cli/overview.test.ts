import { expect, test } from '@jest/globals'
import { overview } from '../../runtime/cli/overview.ts'
import type { Fabric } from '../../runtime/fabric/supervisor/fabric.ts'
import { stateLayout } from '../../runtime/fabric/supervisor/layout.ts'

const shown = (demo_tokens: Record<string, string>) =>
  overview(
    {
      file: {
        regions: [],
        wan: {},
        names: {},
        dns: '127.0.0.1:1',
        control_plane: 'http://127.0.0.1:2',
        demo_tokens,
      } as unknown as Fabric['file'],
      layout: stateLayout('/state'),
    },
    { seconds: 1 },
  )

test('what to try first is a call that somebody here can make', () => {
  expect(shown({ 'ward-agent': 't', 'finance-agent': 't' })).toMatch(/-- demo .*\n.*call finance-agent stripe-payments\.create_payment/)
  const own = shown({ 'night-ward': 't' })
  expect(own).toContain("call night-ward <tool.action> --json '{...}'")
  expect(own).not.toMatch(/finance-agent|-- demo/)
})
