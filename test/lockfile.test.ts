import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const read = (file: string) => readFileSync(join(import.meta.dirname, '..', file), 'utf8')
const manifest = JSON.parse(read('package.json')) as Record<'dependencies' | 'devDependencies', Record<string, string>>
const lockfile = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version?: string } & typeof manifest> }

test('the lockfile names no registry, so that it works behind any mirror', () => {
  expect(read('package-lock.json').match(/"resolved"|\.tgz"/g)).toBeNull()
})

test('the lockfile holds what package.json names', () => {
  const { dependencies, devDependencies } = lockfile.packages[''] ?? {}
  expect({ dependencies, devDependencies }).toEqual({ dependencies: manifest.dependencies, devDependencies: manifest.devDependencies })
})

test('every version is exact', () => {
  const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
  )
  expect(loose).toEqual([])
})
