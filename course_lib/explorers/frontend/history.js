// Undo and redo: what was chosen at the end of each gesture.

/** Whether two choices are the same. */
export function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function history(start) {
  const past = [];
  const future = [];
  let settled = structuredClone(start);
  const step = (from, to) => {
    if (!from.length) return null;
    to.push(settled);
    settled = from.pop();
    return structuredClone(settled);
  };
  return {
    /** A gesture has ended on this choice. */
    settle(choice) {
      if (same(choice, settled)) return;
      past.push(settled);
      settled = structuredClone(choice);
      future.length = 0;
    },
    /** The choice before, or null. */
    undo: () => step(past, future),
    redo: () => step(future, past),
    get canUndo() { return past.length > 0; },
    get canRedo() { return future.length > 0; },
  };
}
