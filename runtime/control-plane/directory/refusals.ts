/** The change contradicts the deployment, the documents in force or the rest of the directory. Nothing was changed. */
export class DirectoryRefusedError extends Error {
  override name = 'DirectoryRefusedError'
  readonly faults: readonly string[]
  /** @param faults one line each */
  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.faults = faults
  }
}

/** What was to be removed is not there. */
export class NotInDirectoryError extends Error {
  override name = 'NotInDirectoryError'
}

/** Somebody else has changed the directory since the version that the change was made for. */
export class StaleDirectoryError extends Error {
  override name = 'StaleDirectoryError'
  /** The version that is there. */
  readonly version: number
  constructor({ expects, version }: { expects: number; version: number }) {
    super(`the directory is at version ${version}, and the change was made for version ${expects}; look at it again`)
    this.version = version
  }
}
