import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from '@jest/globals'

const ROOT = join(import.meta.dirname, '../..')

test('every link between pages leads to a file, and to a heading where it names one', () => {
  const pages = markdownFiles()
  expect(pages).toContain('ARCHITECTURE.md')
  expect(pages.flatMap(brokenLinks)).toEqual([])
})

function markdownFiles(): string[] {
  const foreign = new Set(['node_modules', '.tools', '.aegis', 'cdk.out', 'reports', '.git'])
  return globSync('**/*.md', { cwd: ROOT, exclude: (path) => foreign.has(basename(path)) })
}

function brokenLinks(page: string): string[] {
  const links = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, target = '']) => target)
  return links.filter((link) => !leads(page, link)).map((link) => `${page}: ${link}`)
}

function leads(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path)
  if (!existsSync(target)) return false
  return anchor === undefined || headings(target).includes(anchor)
}

/** Anchors as GitHub makes them: lower case, punctuation gone, spaces to hyphens. */
function headings(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
