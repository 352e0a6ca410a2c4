import { hash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { certificateThumbprint } from '../../runtime/identity/client-certificate.ts'

// A self-signed certificate for `agent`, made once: what counts is its hash.
const PEM = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUD/ghJbCMj6zxIj5vWtxGLSABNzYwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFYWdlbnQwHhcNMjYxMTIyMjM0NjQzWhcNMzYxMTE5MjM0NjQz
WjAQMQ4wDAYDVQQDDAVhZ2VudDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMqO
6lKWFqsxI8lNUpMyfnLlxh3h1IA6gD/sidTBo4uj42MrKUMx1DmQqBETGjlzQ0/Y
z1KyzR94Tr6aktjQdK2jUzBRMB0GA1UdDgQWBBTQpPp6E+tYwZfx2Tba1tmIl7mi
QzAfBgNVHSMEGDAWgBTQpPp6E+tYwZfx2Tba1tmIl7miQzAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIFIKxda8UCu/CqLe3KJHwi679PQ0W7z71Hsa
zFoaqhY0AiEA2YLRVY5LMK6m7m7Jyj4qyREqffjxmBNrmyyClc4Koyw=
-----END CERTIFICATE-----
`
const der = Buffer.from(PEM.replace(/-----[^-]+-----|\s/g, ''), 'base64')
const expected = hash('sha256', der, 'base64url')
const hex = hash('sha256', der, 'hex')

test.each([
  ['a thumbprint', expected],
  ['hex', hex],
  ['hex in upper case with colons', (hex.toUpperCase().match(/../g) ?? []).join(':')],
  ['a URL-encoded certificate', encodeURIComponent(PEM)],
])('reads %s', (_what, value) => {
  expect(certificateThumbprint(value)).toBe(expected)
})

test.each([undefined, '', 'A'.repeat(42), 'A'.repeat(44), 'not a certificate', '%', 'x'.repeat(20_000)])(
  'refuses %p as proof of anything',
  (value) => {
    expect(certificateThumbprint(value)).toBeUndefined()
  },
)
