import { readFileSync } from 'node:fs'
import { COLLECTOR, QUEUE_DIR } from '../../config/collector.ts'

// The image is built from a file that knows nothing of config/: the two are held against each other here.
const dockerfile = readFileSync(new URL('../../runtime/collector/Dockerfile', import.meta.url), 'utf8')

test("the collector's image is made of what config pins, by its digest", () => {
  const { image, version, digest } = COLLECTOR
  expect(dockerfile).toContain(`\nARG COLLECTOR_IMAGE=${image}:${version}@${digest}\nFROM \${COLLECTOR_IMAGE}\n`)
  expect(dockerfile.match(/^FROM /gm)).toHaveLength(1)
})

test('its user owns the folder of the queue, which it declares, or ECS would mount it as root’s', () => {
  expect(dockerfile).toContain(`\nCOPY --chown=1000:1000 runtime/collector/queue ${QUEUE_DIR}\nVOLUME ["${QUEUE_DIR}"]\nUSER 1000:1000\n`)
})
