import type { FastifyInstance } from 'fastify'

export interface Health {
  /** A verified bundle and directory were active once, in this process. */
  started(): boolean
  /** A verified bundle and directory are active and have not expired, and the process is not on its way out. */
  ready(): boolean
  /** Ready, the spool takes records, and the region's own table answered lately. From memory: a probe asks nobody. */
  region(): boolean
  describe(): Record<string, unknown>
}

/**
 * `/health/live` for the load balancer: the process answers; an expired bundle is an alarm, never a killed task.
 * `/health/started` for ECS: a rollout that never gets a policy has failed, and must not replace what serves.
 * `/health/ready`: calls would be decided. `/health/region`: what Route 53 probes.
 */
export function healthDoor(health: Health) {
  return async (app: FastifyInstance) => {
    app.get('/health/live', async () => ({ status: 'live' }))
    app.get('/health/started', async (_request, reply) => {
      const started = health.started()
      return reply.code(started ? 200 : 503).send({ status: started ? 'started' : 'starting' })
    })
    app.get('/health/ready', async (_request, reply) => {
      const ready = health.ready()
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not_ready', ...health.describe() })
    })
    app.get('/health/region', async (_request, reply) => {
      const healthy = health.region()
      return reply.code(healthy ? 200 : 503).send({ status: healthy ? 'healthy' : 'unhealthy' })
    })
  }
}
