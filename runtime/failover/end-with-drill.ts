// Loaded with `--import` into a fabric that a drill starts. The kernel closes the channel however the drill ends,
// SIGKILL included; the fabric is then told to end as it would be by a person.

if (process.channel !== undefined) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  // The listener must not keep an otherwise finished fabric alive.
  process.channel.unref()
}
