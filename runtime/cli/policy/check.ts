import { plannedRegions } from '../../../config/deployed-zones.ts'
import { deployment as input } from '../../../config/deployment.ts'
import { resolveDeployment } from '../../../config/resolve.ts'
import { agentIds } from '../../policy/agent-document.ts'
import { lintFolder } from '../../policy/lint/lint-folder.ts'
import { describeFault } from '../../policy/yaml-file.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { near, ownFolders } from './sources.ts'

/**
 * `aegis policy check`: faults of the documents of this clone, a line each with file, line and column. Needs nothing that runs.
 * @param folder of documents. Default: the one that `config/deployment.ts` names
 * @returns failed when there are faults
 */
export function policyCheck(out: (line: string) => void, folder: string = ownFolders().documents): ExitCode {
  const { documents, faults } = lintFolder(folder, plannedRegions(resolveDeployment(input)))
  for (const fault of faults) out(describeFault({ ...fault, file: near(fault.file) }))
  if (documents !== undefined && faults.length === 0) {
    const { tenants, tools, agents, clients } = documents
    const found = [
      counted(tenants.length, 'tenant'),
      counted(Object.keys(tools).length, 'tool'),
      counted(agents.flatMap(agentIds).length, 'agent'),
      counted(clients.length, 'client'),
    ]
    out(`${near(folder)}: ${found.join(', ')}, and no fault`)
    return EXIT.held
  }
  out(`${near(folder)}: ${counted(faults.length, 'fault')}`)
  return EXIT.failed
}

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`
