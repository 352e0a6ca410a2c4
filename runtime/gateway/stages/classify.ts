import { type EntityRecognizer, textsOf } from '../../dlp/recognizer.ts'
import { DlpLimitError, type Finding, type Scan, type Scanner } from '../../dlp/scan.ts'
import type { JsonObject } from '../../model/call.ts'
import type { PolicyInput } from '../../policy/policy-io.ts'

/** Most findings that policy is told of; the classes are always complete. */
const FINDINGS_MAX = 16

export interface Classified {
  scan: Scan
  facts: PolicyInput['data']
}

const CLEAN: PolicyInput['data'] = { classes: [], findings: [], findings_total: 0 }

/** Of arguments that were not looked at, because nothing can come of their call. */
export const UNSEEN: Classified = { scan: { findings: [], classes: [], work: 0 }, facts: CLEAN }

/**
 * Which data the arguments carry, and where: by patterns, and by a recognizer where one is configured.
 * @returns undefined when looking would take more than one call is given. Rejects when the recognizer does not answer
 */
export async function look(args: JsonObject, scanner: Scanner, recognizer: EntityRecognizer | undefined): Promise<Classified | undefined> {
  const classified = classify(args, scanner)
  if (classified === undefined || recognizer === undefined) return classified
  const named = await recognizer.recognize(textsOf(args))
  const findings = [...classified.scan.findings, ...named]
  const scan = { ...classified.scan, findings, classes: [...new Set(findings.map((finding) => finding.class))].sort() }
  return { scan, facts: factsOf(scan) }
}

function classify(args: JsonObject, scanner: Scanner): Classified | undefined {
  try {
    const scan = scanner.scan(args)
    return { scan, facts: factsOf(scan) }
  } catch (error) {
    if (error instanceof DlpLimitError) return undefined
    throw error
  }
}

export function factsOf({ findings, classes }: { findings: readonly Place[]; classes: readonly string[] }): PolicyInput['data'] {
  if (findings.length === 0) return CLEAN
  return { classes, findings: findings.slice(0, FINDINGS_MAX).map(told), findings_total: findings.length }
}

type Place = Pick<Finding, 'path' | 'class'>
const told = ({ path, class: name }: Place) => ({ path, class: name })
