import { expect, test } from '@jest/globals'
import { cloudCommandFault } from '../../runtime/failover/cloud-command.ts'

test.each([
  'dig +short eu.aegis.example',
  'curl -sS --max-time 4 https://eu-west-1.aegis.example/health/region',
  `aws dynamodb get-item --region eu-west-1 --table-name t --key '{"pk":{"S":"a;b|c"}}' --query 'Items[?a > b]'`,
  'aws route53-recovery-cluster update-routing-control-state --region eu-central-1 --routing-control-arn ARN --routing-control-state Off',
])('accepts %s', (command) => {
  expect(cloudCommandFault(command)).toBeUndefined()
})

test.each([
  ['a Route 53 record edit', 'aws route53 change-resource-record-sets --region us-east-1 --hosted-zone-id Z', /not a data-plane operation/],
  ['an IAM change', 'aws iam put-role-policy --region us-east-1', /not a data-plane operation/],
  ['a deploy', 'npx cdk deploy', /may use aws, dig, curl, npm/],
  ['a stack update', 'aws cloudformation update-stack --region eu-west-1', /not a data-plane operation/],
  [
    'a control-plane call of a service whose data plane is fine',
    'aws dynamodb update-table --region eu-west-1',
    /not a data-plane operation/,
  ],
  ['global options before the service, which would hide it', 'aws --region eu-west-1 iam put-role-policy', /not a data-plane operation/],
  ['the default region', 'aws dynamodb get-item --table-name t', /needs --region/],
  ['a second command', 'dig a.example; aws iam delete-role --role-name x', /one plain command/],
  ['a pipe', 'dig a.example | sh', /one plain command/],
  ['a substitution', 'dig $(aws iam delete-role)', /one plain command/],
  ['a second line', 'dig a.example\naws iam delete-role', /one plain command/],
  ['nothing', '  ', /empty command/],
])('refuses %s', (_, command, message) => {
  expect(cloudCommandFault(command)).toMatch(message)
})
