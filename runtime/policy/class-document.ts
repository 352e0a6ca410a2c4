import { z } from 'zod'
import { CLASS_VALIDATORS, type CustomClass, PATTERN_LENGTH_MAX, patternFault } from '../dlp/custom-class.ts'
import { CLASS_NAME, isBuiltInClass } from './data-classes.ts'
import type { Path } from './yaml-file.ts'

/** Optional file: data classes of your own, with what they are and how they are found. */
export const classesDocument = z.record(
  z.string().regex(CLASS_NAME, 'must be lower case letters, digits and underscores, at most 32 characters'),
  z.strictObject({
    description: z.string().min(1),
    pattern: z
      .string()
      .min(1)
      .max(PATTERN_LENGTH_MAX)
      .optional()
      .meta({ description: 'regular expression in RE2 syntax; without one, only a recognizer finds the class' }),
    validator: z.enum(CLASS_VALIDATORS).optional().meta({ description: 'check digits that a match must have' }),
    context: z
      .array(z.string().min(2).max(64))
      .min(1)
      .max(32)
      .optional()
      .meta({ description: 'words of which one must stand beside a match, or in a key that leads to it' }),
  }),
)

export type ClassesDocument = z.output<typeof classesDocument>

/** What the shape alone does not say: names that are taken, patterns that cannot be used. */
export function checkClasses(document: ClassesDocument, report: (path: Path, message: string) => void): void {
  for (const [name, { pattern, validator, context }] of Object.entries(document)) {
    if (isBuiltInClass(name)) report([name], `${name} is a data class already; choose another name`)
    if (pattern === undefined && (validator ?? context) !== undefined) report([name], 'a validator or context words need a pattern')
    const fault = pattern === undefined ? undefined : patternFault(pattern)
    if (fault !== undefined) report([name, 'pattern'], `the pattern ${fault}`)
  }
}

/** A declared class in `data.json` of a bundle. */
export const bundledClass = z.strictObject({
  pattern: z.string().optional(),
  validator: z.enum(CLASS_VALIDATORS).optional(),
  context: z.array(z.string()).optional(),
})

export type BundledClass = z.output<typeof bundledClass>

/** Without descriptions, which gateways have no use for. */
export function compileClasses(document: ClassesDocument): Record<string, BundledClass> {
  return Object.fromEntries(Object.entries(document).map(([name, { description: _, ...rest }]) => [name, rest]))
}

/** What a gateway's scanner is given. Throws a ZodError when a pattern cannot be used. */
export function activeClasses(classes: Readonly<Record<string, BundledClass>>): CustomClass[] {
  return Object.entries(classes).map(([name, rest]) => {
    z.string()
      .refine((pattern) => patternFault(pattern) === undefined)
      .optional()
      .parse(rest.pattern)
    return { name, ...rest }
  })
}
