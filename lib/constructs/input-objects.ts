import { bucketArn } from './arns.ts'

/** The one folder of a bucket of recorded inputs (`inputs/<day>/<process>/...`). */
export function inputObjectsArn(bucketName: string): string {
  return `${bucketArn(bucketName)}/inputs/*`
}
