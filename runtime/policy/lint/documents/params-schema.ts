import { Ajv, type ValidateFunction } from 'ajv'
import { paramPointer } from '../../compile.ts'
import { schemaAt } from '../../registry.ts'
import { allowedActions } from '../allowed-actions.ts'
import { type Constraint, fits } from '../constraint.ts'
import type { DocumentRule, Report } from '../rule.ts'

/** A call that does not fit the action's schema never reaches a rule, so a rule about such values never passes one. */
export const paramsSchema: DocumentRule = {
  id: 'params-schema',
  refuses: '`params` that ask for a value that the schema of the action never lets through',
  agent({ document, registry }, report) {
    for (const { tool, action, rule, entry } of allowedActions(document, registry)) {
      for (const [name, constraint] of Object.entries(rule.params ?? {})) {
        const schema = schemaAt(entry.schema, paramPointer(name))
        const path = ['allowed_tools', tool, action, 'params', name]
        if (schema !== undefined) checkConstraint(constraint, schema, (below, message) => report([...path, ...below], message))
      }
    }
  },
}

type Schema = Record<string, unknown>

function checkConstraint({ equals, one_of, prefix, suffix, at_most }: Constraint, schema: Schema, report: Report): void {
  const accepts = (value: unknown) => validatorOf(schema)(value)
  const never = (value: unknown) => `${JSON.stringify(value)} does not fit the schema of the argument in tools.yaml, so it never comes`
  if (equals !== undefined && !accepts(equals)) report(['equals'], `${never(equals)}; correct it`)
  one_of?.forEach((value, index) => {
    if (!accepts(value)) report(['one_of', index], `${never(value)}; correct it or take it out`)
  })
  checkText('prefix', prefix, schema, report)
  checkText('suffix', suffix, schema, report)
  if (at_most === undefined) return
  if (schema.type !== 'integer' && schema.type !== 'number')
    report(['at_most'], `is for numbers, and the argument is of type ${schema.type}: no value passes; use equals, one_of, prefix or suffix`)
  else if (typeof schema.minimum === 'number' && schema.minimum > at_most)
    report(['at_most'], `${at_most} is below the argument's minimum of ${schema.minimum} in tools.yaml: no value passes; raise it`)
}

// One argument is asked about by many documents, and compiling its schema takes milliseconds.
const validators = new WeakMap<Schema, ValidateFunction>()
const ajv = new Ajv({ strict: false, logger: false })

function validatorOf(schema: Schema): ValidateFunction {
  const known = validators.get(schema)
  if (known !== undefined) return known
  // Ajv would keep every schema of every publish for ever.
  const compiled = ajv.compile(schema)
  ajv.removeSchema(schema)
  validators.set(schema, compiled)
  return compiled
}

function checkText(op: 'prefix' | 'suffix', text: string | undefined, schema: Schema, report: Report): void {
  if (text === undefined) return
  const { type, maxLength, enum: values } = schema
  if (type !== 'string') report([op], `is for texts, and the argument is of type ${type}: no value passes; use equals, one_of or at_most`)
  else if (typeof maxLength === 'number' && [...text].length > maxLength)
    report([op], `is longer than the argument's maxLength of ${maxLength} in tools.yaml: no value passes; shorten it`)
  else if (Array.isArray(values) && !values.some((value) => fits(value, op, text)))
    report([op], `fits none of ${values.join(', ')}, which are all that the argument can be: no value passes; correct it`)
}
