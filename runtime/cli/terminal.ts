/** Where a command that takes a while writes: lines that stay, and one that shows what it is at. */
export interface Terminal {
  /** Cells in a line. */
  columns: number
  /** Whether the line of `now` is rewritten in place. */
  live: boolean
  /** A line that stays. */
  say(line: string): void
  /** What it is at. Written over by whatever comes next; where nothing can be written over, only once in a while. */
  now(line: string): void
  /** A whole page; in a window it takes the place of all before. */
  show(lines: readonly string[]): void
  /** Takes the line of `now` away. */
  end(): void
}

/** What a person with a window is shown, and what a log gets. */
export function terminal(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'>, clock = () => performance.now()): Terminal {
  const columns = Math.min(120, Math.max(60, stream.columns ?? 100))
  return stream.isTTY === true ? window(stream, columns) : log(stream, columns, clock)
}

/** With `--json` nothing but the JSON is written. */
export const SILENT: Terminal = { columns: 100, live: false, say() {}, now() {}, show() {}, end() {} }

const CLEAR_LINE = '\r\u001b[2K'
const HOME_AND_CLEAR = '\u001b[H\u001b[2J'

function window(stream: Pick<NodeJS.WriteStream, 'write'>, columns: number): Terminal {
  let shown = false
  const end = () => {
    if (shown) stream.write(CLEAR_LINE)
    shown = false
  }
  return {
    columns,
    live: true,
    say(line) {
      end()
      stream.write(`${line}\n`)
    },
    now(line) {
      // A line that wraps could not be taken away again.
      stream.write(`${CLEAR_LINE}${line.length < columns ? line : `${line.slice(0, columns - 2)}…`}`)
      shown = true
    },
    show(lines) {
      stream.write(`${HOME_AND_CLEAR}${lines.join('\n')}\n`)
      shown = false
    },
    end,
  }
}

/** A sign of life in a log that somebody may be reading as it grows. */
const LOG_EVERY_MS = 10_000

function log(stream: Pick<NodeJS.WriteStream, 'write'>, columns: number, clock: () => number): Terminal {
  let writtenAt = clock()
  const say = (line: string) => {
    writtenAt = clock()
    stream.write(`${line}\n`)
  }
  return {
    columns,
    live: false,
    say,
    now(line) {
      if (clock() - writtenAt >= LOG_EVERY_MS) say(line)
    },
    show(lines) {
      say(lines.join('\n'))
    },
    end() {},
  }
}
