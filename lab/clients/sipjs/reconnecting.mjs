// Tries again until it works: pauses that double, times a random number from 0.5 to 1 (RFC 5626 §4.5).

// Returns a function that begins to try, unless that is going on already. `attempt` resolves with whether it worked.
export function reconnecting({ first, longest } = {}, attempt) {
  let attempts = 0;
  let pending = false;
  return function again() {
    if (pending) return;
    pending = true;
    const pause = Math.min(longest, first * 2 ** attempts++) * (0.5 + Math.random() / 2);
    setTimeout(async () => {
      pending = false;
      const worked = await attempt().catch((error) => (process.stderr.write(`${error}\n`), false));
      if (worked) attempts = 0;
      else again();
    }, pause * 1000);
  };
}
