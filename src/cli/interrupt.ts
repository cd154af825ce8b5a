// Ctrl-C in commands that run long: the first one asks the work to stop, the second ends the program.

/** The exit code of a program that SIGINT ends: 128 + 2. */
export const INTERRUPTED = 130;

/** What `work` gives. Its signal is set by the first Ctrl-C, when `onStop` says what happens now. */
export async function interruptible<T>(
  onStop: () => void,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interrupt = new AbortController();
  const stop = () => {
    if (interrupt.signal.aborted) process.exit(INTERRUPTED);
    interrupt.abort();
    onStop();
  };
  process.on('SIGINT', stop);
  try {
    return await work(interrupt.signal);
  } finally {
    process.off('SIGINT', stop);
  }
}
