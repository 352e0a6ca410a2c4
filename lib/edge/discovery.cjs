// What CloudFront runs before it looks into its cache (CloudFront Functions, runtime 2.0, which knows an older JavaScript). Not part of this
// program: it is put as text into the template, behind a line that sets DOCUMENTS: path at the edge -> path in the region. Whatever is not in
// it ends here.

// biome-ignore lint/correctness/noUnusedVariables: CloudFront calls it by this name
function handler(event) {
  const request = event.request
  // biome-ignore lint/suspicious/noPrototypeBuiltins: Object.hasOwn is younger than the runtime
  if (!Object.prototype.hasOwnProperty.call(DOCUMENTS, request.uri)) return { statusCode: 404, statusDescription: 'Not Found' }
  if (request.method !== 'GET' && request.method !== 'HEAD') return { statusCode: 405, statusDescription: 'Method Not Allowed' }
  request.uri = DOCUMENTS[request.uri]
  // The cache policy passes nothing of these on. Gone here, no later change of a policy can. Other headers stay: to take Host away is an error.
  request.querystring = {}
  request.cookies = {}
  delete request.headers.authorization
  return request
}
