import { beforeEach, expect, test } from '@jest/globals'
import { type CutLinks, type Cuts, regionCuts } from '../../../runtime/fabric/supervisor/cuts.ts'

const REGIONS = ['eu-west-1', 'eu-central-1', 'us-east-1']
let links: CutLinks[]
let moves: string[]
let cuts: Cuts

beforeEach(() => {
  links = []
  moves = []
  cuts = regionCuts({
    regions: REGIONS,
    cutLinks: async (next) => void links.push(next),
    replicate: async (region, peer, paused) => void moves.push(`${paused ? 'pause' : 'resume'} ${region} ${peer}`),
  })
})

test('cuts two regions off from each other, both ways, and from nobody else', async () => {
  await expect(cuts.between(['eu-west-1', 'eu-central-1'])).resolves.toMatchObject({
    between: [['eu-west-1', 'eu-central-1']],
    isolated: [],
  })
  expect(links).toEqual([{ between: [['eu-west-1', 'eu-central-1']], isolated: [] }])
  expect(moves.toSorted()).toEqual(['pause eu-central-1 eu-west-1', 'pause eu-west-1 eu-central-1'])
  expect(REGIONS.map(cuts.pausedPeers)).toEqual([['eu-central-1'], ['eu-west-1'], []])
})

test('cuts every pair of three', async () => {
  await cuts.between(REGIONS)
  expect(links[0]?.between).toHaveLength(3)
  expect(moves).toHaveLength(6)
})

test('isolates one region from every other place', async () => {
  await cuts.isolate('us-east-1')
  expect(links).toEqual([{ between: [], isolated: ['us-east-1'] }])
  expect(cuts.pausedPeers('us-east-1')).toEqual(['eu-west-1', 'eu-central-1'])
  expect(cuts.pausedPeers('eu-west-1')).toEqual(['us-east-1'])
})

test('adds one cut to another and tells nobody twice', async () => {
  await cuts.between(['eu-west-1', 'eu-central-1'])
  moves = []
  await cuts.between(['eu-central-1', 'eu-west-1'])
  await cuts.isolate('eu-west-1')
  expect(moves.toSorted()).toEqual(['pause eu-west-1 us-east-1', 'pause us-east-1 eu-west-1'])
  expect(cuts.current()).toEqual({ between: [['eu-west-1', 'eu-central-1']], isolated: ['eu-west-1'] })
})

test('mends everything that was cut', async () => {
  await cuts.between(['eu-west-1', 'eu-central-1'])
  await cuts.isolate('us-east-1')
  moves = []
  await cuts.mend()
  expect(moves).toHaveLength(6)
  for (const move of moves) expect(move).toMatch(/^resume/)
  expect(REGIONS.flatMap(cuts.pausedPeers)).toEqual([])
  expect(links.at(-1)).toEqual({ between: [], isolated: [] })
})

test('fails when the network was not told: a partition that is none must not pass for one', async () => {
  const deaf = regionCuts({ regions: REGIONS, cutLinks: () => Promise.reject(new Error('the world is down')), replicate: async () => {} })
  await expect(deaf.between(['eu-west-1', 'us-east-1'])).rejects.toThrow('the world is down')
})
