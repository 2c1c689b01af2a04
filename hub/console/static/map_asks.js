// How the map asks the hub: what no answer came to is asked again.
const ANSWER_MS = 20000;
const FAILED_MS = 5000; // after a question without an answer

// null: there is none of it; undefined: no answer came.
export async function answerOf(path) {
  try {
    const answer = await fetch(`/api/v1/${path}`, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.status === 401) location.reload();
    if (answer.ok) return await answer.json();
    return answer.status === 404 ? null : undefined;
  } catch {
    return undefined;
  }
}

// A function that asks: again where it was called meanwhile, or where `get` had no answer; one question at a time
// and not more often than every `apart()` ms. `shown` follows each. What it returns is there when `get` was tried once.
export function renewing(get, apart, shown) {
  let due = false, busy = false, tried;
  const first = new Promise((over) => (tried = over));

  async function go() {
    busy = true;
    while (due) {
      due = false;
      const came = await get();
      tried();
      shown();
      due ||= !came;
      await new Promise((over) => setTimeout(over, came ? apart() : FAILED_MS));
    }
    busy = false;
  }

  return function renew() {
    due = true;
    if (!busy) go();
    return first;
  };
}
