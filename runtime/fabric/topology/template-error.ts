/** The templates say something that the fabric cannot run faithfully. Its message is one line: where, what, what to do. */
export class TemplateError extends Error {
  override name = 'TemplateError'
  /**
   * @param where stack, logical id and property: `aegis-prod-routing/HC1.HealthCheckConfig.Type`
   * @param fault what was found there
   * @param advice what to do about it
   */
  constructor(where: string, fault: string, advice: string) {
    super(`${where}: ${fault}; ${advice}`)
  }
}
