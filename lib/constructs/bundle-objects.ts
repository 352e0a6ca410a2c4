import { bucketArn } from './arns.ts'

/** The two folders of a bundle bucket (`bundles/<sha256>.tar.gz`, `directories/<sha256>.jws`): all that is ever written or read there. */
export function bundleObjectArns(bucketName: string): string[] {
  return [`${bucketArn(bucketName)}/bundles/*`, `${bucketArn(bucketName)}/directories/*`]
}
