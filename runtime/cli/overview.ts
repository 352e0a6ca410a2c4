import { relative } from 'node:path'
import type { Fabric } from '../fabric/supervisor/fabric.ts'

/** What a person reads when the fabric is ready: where everything is, and what to try. */
export function overview({ file, layout }: Pick<Fabric, 'file' | 'layout'>, { seconds }: { seconds: number }): string {
  const near = (path: string) => relative(process.cwd(), path) || '.'
  const regions = file.regions.map(({ region, zone, gateway, operator }) => [region, zone, gateway, operator, file.wan[region] ?? ''])
  const names = Object.entries(file.names).map(([id, url]) => [
    url,
    `from there: ${id === 'global' ? 'any wan entry' : (file.wan[id] ?? '')}`,
  ])
  return [
    '',
    `Ready in ${seconds.toFixed(1)} s.`,
    '',
    ...table([['region', 'zone', 'gateway', 'operator API', 'wan (as this region)'], ...regions]),
    '',
    ...table([['public name', "clients' wan proxy"], ...names.map(([url = '', from = '']) => [url, from.replace('from there: ', '')])]),
    '',
    ...table([
      ['dns', `${file.dns} (UDP and TCP)`],
      ['control plane', file.control_plane],
      ['files', `${near(layout.fabricFile)} (URLs and tokens), ${near(layout.authority.caCert)} (tools' CA)`],
      ['logs', near(layout.logs)],
      ['drill reports', 'reports/drills'],
    ]),
    '',
    'Try, in another terminal:',
    ...toTry(Object.keys(file.demo_tokens)),
    '  npm run -s aegis -- approvals       what waits for a person; approve, kill, lift and promote: docs/operators.md',
    '  npm run drill -- region-loss        kills a region and measures how long clients notice',
    '',
    'Ctrl-C ends it. State stays; npm start -- --reset forgets it.',
  ].join('\n')
}

/** Documents of one's own have none of the demo's agents. */
function toTry(agents: readonly string[]): string[] {
  if (agents.includes('finance-agent'))
    return [
      '  npm run -s aegis -- demo            what the demo deployment promises, call by call',
      `  npm run -s aegis -- call finance-agent stripe-payments.create_payment --json '{"amount":420000,"currency":"eur","recipient":"supplier-7"}'`,
    ]
  return [`  npm run -s aegis -- call ${agents[0] ?? '<agent>'} <tool.action> --json '{...}'`]
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[], indent = '  '): string[] {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, at) => Math.max(all[at] ?? 0, cell.length)), [])
  return rows.map((row) => (indent + row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')).trimEnd())
}
