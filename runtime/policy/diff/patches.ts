import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import type { Sources } from '../sources.ts'

export interface Patch {
  path: string
  /** Unified, as `git apply` and reviewers read it. */
  patch: string
}

/** Two files without a line in common make comparing slow; past this many edits one replaces the other as a whole. */
const EDITS_MAX = 1000

/** Unified diffs of the files that differ, by path. */
export function patches(before: Sources, after: Sources): Patch[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort()
  return paths.flatMap((path) => {
    const [old, now] = [before.get(path), after.get(path)]
    return old === now ? [] : [{ path, patch: patchOf(path, old, now) }]
  })
}

function patchOf(path: string, old: string | undefined, now: string | undefined): string {
  const [from, to] = [old === undefined ? '/dev/null' : `a/${path}`, now === undefined ? '/dev/null' : `b/${path}`]
  const options = { context: 3, maxEditLength: EDITS_MAX, headerOptions: FILE_HEADERS_ONLY }
  return createTwoFilesPatch(from, to, old ?? '', now ?? '', undefined, undefined, options) ?? wholly(from, to, old ?? '', now ?? '')
}

function wholly(from: string, to: string, old: string, now: string): string {
  const lines = (text: string, mark: string) => text.split('\n').map((line) => `${mark}${line}`)
  const [gone, come] = [lines(old, '-'), lines(now, '+')]
  return [`--- ${from}`, `+++ ${to}`, `@@ -1,${gone.length} +1,${come.length} @@`, ...gone, ...come, ''].join('\n')
}
