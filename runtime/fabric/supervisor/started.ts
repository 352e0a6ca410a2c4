/** What has been started so far, to be ended in the opposite order, whole or half-way. */
export interface Started {
  /** Registers how the part that was just started is ended. */
  onClose(close: () => unknown): void
  /** Ends each part once, however often it is called. A part that fails to end does not keep the others from it. */
  close(): Promise<void>
}

export function started(report: (line: string) => void): Started {
  const closers: (() => unknown)[] = []
  let closing = Promise.resolve()
  const closeAll = async () => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
      try {
        await close()
      } catch (error) {
        report(`while ending: ${(error as Error).message}`)
      }
    }
  }
  return {
    onClose: (close) => void closers.push(close),
    close() {
      closing = closing.then(closeAll)
      return closing
    },
  }
}
