// Waiting in Node for an adapter that computes on the CPU.
//
// While a promise of its own is pending, Dawn asks for events on every turn of Node's event loop, turn after turn: that
// keeps a core busy on which the adapter could compute. So turns in which nothing has come yet begin with a sleep.

const LONGEST = 0.5; // milliseconds

const nobody = new Int32Array(new SharedArrayBuffer(4));
let waiting = 0;
let since = 0;
let turning = false;

/** Sleeps, until `work` is settled, for a quarter of the time that it has taken so far in every turn. */
export function idle(work: Promise<unknown>): void {
  if (waiting++ === 0) since = performance.now();
  const settled = () => {
    waiting--;
  };
  work.then(settled, settled);
  if (!turning) setImmediate(turn);
  turning = true;
}

function turn(): void {
  turning = waiting > 0;
  if (!turning) return;
  Atomics.wait(nobody, 0, 0, Math.min(LONGEST, (performance.now() - since) / 4));
  setImmediate(turn);
}
