import { arePublic, isPublicAddress } from '../../../runtime/gateway/net/public-address.ts'

test.each([
  '0.0.0.0',
  '10.0.0.5',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '169.254.169.254',
  '169.254.170.2',
  '172.16.0.1',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:169.254.169.254',
  '::ffff:0:10.0.0.1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  '5f00::1',
  '1::1',
  '4000::1',
  '::7f00:1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '2606:4700::1111%eth0',
  '0177.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '[::1]',
  '44.128.1.20:443',
  'localhost',
  '',
])('refuses %s', (address) => {
  expect(isPublicAddress(address)).toBe(false)
})

test.each(['44.128.1.20', '8.8.8.8', '2606:4700:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true)
})

test('refuses a list with one bad address among good ones, and freezes what it has judged', () => {
  const mixed = ['44.128.1.20', '10.0.0.5']
  expect(arePublic(mixed)).toBe(false)
  const good = ['44.128.1.20']
  expect(arePublic(good)).toBe(true)
  expect(() => good.push('10.0.0.5')).toThrow()
})
