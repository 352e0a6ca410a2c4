import { expect, test } from '@jest/globals'
import { servesHomes } from '../../../runtime/fabric/supervisor/homes.ts'

test.each([
  ['{"status":"ready","region_bound":"ready"}', true],
  // Nobody to wait for.
  ['{"status":"ready"}', true],
  ['{"status":"ready","region_bound":"waiting"}', false],
  ['{"status":"ready","region_bound":null}', false],
  ['not JSON', false],
])('a gateway that says %s serves its region-bound tenants: %s', (body, served) => {
  expect(servesHomes(body)).toBe(served)
})
