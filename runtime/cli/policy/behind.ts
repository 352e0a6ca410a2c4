import type { Status } from './answers.ts'

/** Who does not serve yet what is in force, a line each. Empty does not prove that nobody is behind: that is what `converged` says. */
export function behindOf({ seq, revision, directory, regions, fleet }: Status): string[] {
  if (seq === null) return []
  return [...regions.flatMap(regionLines), ...fleet.flatMap(gatewayLines)]

  function regionLines({ region, seq: confirmed, directory_seq, error }: Status['regions'][number]): string[] {
    const why = error === null ? '' : `: ${error}`
    if (confirmed === null) return [`${region} has confirmed nothing yet${why}`]
    if (confirmed < (seq ?? 0)) return [`${region} has confirmed seq ${confirmed}, not ${seq}${why}`]
    if ((directory_seq ?? Infinity) < (directory?.seq ?? 0))
      return [`${region} has confirmed directory seq ${directory_seq}, not ${directory?.seq}${why}`]
    if (!fleet.some((gateway) => gateway.region === region)) return [`no gateway of ${region} reports`]
    return error === null ? [] : [`${region}${why}`]
  }

  function gatewayLines({ region, id, revision: runs, seq: running, error }: Status['fleet'][number]): string[] {
    const who = `gateway ${id} of ${region}`
    if (error !== null && error !== undefined) return [`${who}: ${error}`]
    if (running === null || runs === null) return [`${who} has loaded nothing yet`]
    if (running < (seq ?? 0)) return [runs === revision ? `${who} still runs seq ${running}` : `${who} still runs ${runs}, seq ${running}`]
    return []
  }
}
