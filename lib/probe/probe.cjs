// What a canary of CloudWatch Synthetics runs. Not part of this program: it is put as text into the template, behind a line that sets TARGETS,
// and is CommonJS, as the canary's runtime wants it. Each step is a metric of its own, which alarms watch.
const { URL } = require('node:url')
// biome-ignore lint/correctness/noUndeclaredDependencies: the canary's runtime brings it
const synthetics = require('Synthetics')

const TIMEOUT_MS = 5000

/** The request of one target, and what its answer must be. A wrong answer is thrown, and fails the step. */
function stepOf({ url, method = 'GET', body, expect }) {
  const { hostname, pathname } = new URL(url)
  const request = {
    hostname,
    port: 443,
    protocol: 'https:',
    method,
    path: pathname,
    timeout: TIMEOUT_MS,
    headers: { 'user-agent': 'aegis-probe', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body }),
  }
  const check = async (response) => {
    if (response.statusCode !== expect) throw new Error(`${method} ${url} answered ${response.statusCode}, not ${expect}`)
    response.resume()
  }
  return { request, check }
}

exports.handler = async () => {
  // Nothing secret is sent or comes back; all the same only the status is of interest.
  const keep = { includeRequestHeaders: false, includeResponseHeaders: false, includeRequestBody: false, includeResponseBody: false }
  for (const target of TARGETS) {
    const { request, check } = stepOf(target)
    // One region that is away must not hide the others.
    await synthetics.executeHttpStep(target.step, request, check, { ...keep, continueOnHttpStepFailure: true })
  }
}
