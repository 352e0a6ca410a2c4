import { callsOf, nameOf } from '../../rego/ast.ts'
import type { RegoLintRule } from '../rego-rule.ts'

/** What is missing in WebAssembly fails on every call; what is there and slow is paid on every call. Each name comes with a way around it. */
export const bannedFunction: RegoLintRule = {
  id: 'banned-function',
  refuses:
    'built-in functions that the module does not have (`capabilities.json`): `sprintf`, `regex.*`, `yaml.*`, `json.*`, `http.send`, `time.*` and others',
  check({ files, functions }, report) {
    const own = new Set(files.flatMap((file) => (file.rules ?? []).map(nameOf)))
    for (const file of files) {
      const aliases = new Set((file.imports ?? []).map(({ alias, path }) => alias ?? lastName(path)))
      for (const { name, location } of callsOf(file.rules)) {
        const [root = ''] = name.split('.')
        if (functions.has(name) || own.has(name) || root === 'data' || root === 'input' || aliases.has(root)) continue
        const advice = ADVICE.find(([banned]) => name === banned || (banned.endsWith('.') && name.startsWith(banned)))?.[1]
        if (advice !== undefined) report(file, location, `${name} is not in the module; ${advice}`)
        else if (name.includes('.')) report(file, location, `${name} is not in the module; policies/capabilities.json lists what is`)
      }
    }
  },
}

const STRINGS = 'a pattern is compiled anew on every call: use startswith, endswith, contains, split or a set of the values'
const FACTS = 'policy asks nobody: what it has to know, the host puts into the input'
const TOKENS = 'the host verifies tokens and signatures; read input.agent and input.tenant'
const SAME = 'the same input must get the same answer: what changes comes with the input'
const PARSED = 'nothing has to be parsed or written: documents come as input.agent.policy and arguments as input.call.arguments'

/** By name, or by a beginning that ends in a dot. */
const ADVICE: readonly (readonly [string, string])[] = [
  ['sprintf', 'join with concat, or give a code that messages.rego words'],
  ['regex.', STRINGS],
  ['glob.', STRINGS],
  ['yaml.', PARSED],
  ['json.', PARSED],
  ['http.send', FACTS],
  ['net.lookup_ip_addr', FACTS],
  ['time.', 'the time of the call is input.now.epoch_ms'],
  ['io.jwt.', TOKENS],
  ['crypto.', TOKENS],
  ['rand.', SAME],
  ['uuid.', SAME],
  ['opa.runtime', SAME],
  ['walk', 'name the places in the input that matter'],
  ['graph.', 'name the places in the input that matter'],
  ['print', 'take it out: opa test shows what a failing test saw'],
  ['trace', 'take it out: opa test shows what a failing test saw'],
]

function lastName(path: { value: unknown }): string {
  const last = Array.isArray(path.value) ? path.value.at(-1)?.value : undefined
  return typeof last === 'string' ? last : ''
}
