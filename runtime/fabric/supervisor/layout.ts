import { resolve } from 'node:path'

/** Where everything of one fabric lies on disk. One fabric per folder. */
export function stateLayout(stateDir: string) {
  const at = (...parts: string[]) => resolve(stateDir, ...parts)
  return {
    root: at(),
    lock: at('lock'),
    /** What clients of the fabric read. Appears when all is ready. */
    fabricFile: at('fabric.json'),
    /** What drills read: the control API's address and secret. */
    supervisorFile: at('supervisor.json'),
    trustFile: at('trust.json'),
    keys: (account: string) => at('keys', account),
    /** A value that the fabric makes up once and keeps: what Secrets Manager would hold. */
    secret: (name: string) => at('keys', 'secrets', name),
    authority: { caCert: at('ca.pem'), caKey: at('keys', 'ca.key'), toolsCert: at('keys', 'tools.pem'), toolsKey: at('keys', 'tools.key') },
    data: at('data'),
    regionData: (region: string) => at('data', region),
    spools: at('spool'),
    spool: (region: string) => at('spool', region),
    logs: at('logs'),
    log: (name: string) => at('logs', `${name}.log`),
    syntheses: at('cdk'),
  }
}
export type StateLayout = ReturnType<typeof stateLayout>
