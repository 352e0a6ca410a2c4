/** Answer of a JSON service (DynamoDB, KMS): an error has `__type` and `message` in its body. */
export interface Reply {
  status: number
  body: object
}
