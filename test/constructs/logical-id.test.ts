import { Template } from 'aws-cdk-lib/assertions'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { Stack } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { pinLogicalId } from '../../lib/constructs/logical-id.ts'
import { smallApp } from '../support/small-app.ts'

describe('a pinned logical id', () => {
  it('stays when the construct moves', () => {
    const idWithin = (move: boolean) => {
      const stack = new Stack(smallApp(), 'stack')
      const scope = move ? new Construct(stack, 'Elsewhere') : stack
      pinLogicalId(new Bucket(scope, 'Bucket'), 'Records')
      return Object.keys(Template.fromStack(stack).findResources('AWS::S3::Bucket'))
    }
    expect(idWithin(true)).toEqual(idWithin(false))
  })

  it('refuses a construct that is no resource', () => {
    const stack = new Stack(smallApp(), 'stack')
    expect(() => pinLogicalId(new Construct(stack, 'Nothing'), 'Id')).toThrow('no resource to pin the logical id Id to at stack/Nothing')
  })
})
