import { get } from 'node:http'

/** By node:http, because the built-in fetch costs this process some 10 MB. @returns undefined when there is no answer */
export function ask(url: string, headers: Readonly<Record<string, string>> = {}): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve) => {
    const asked = get(url, { agent: false, timeout: 2000, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
      response.once('error', () => resolve(undefined))
    })
    asked.once('timeout', () => asked.destroy())
    asked.once('error', () => resolve(undefined))
  })
}
