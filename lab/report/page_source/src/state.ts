// What the page shows, as the part of its address after `#`: so that it can be shared, and the back button works.

import { useEffect, useState } from "preact/hooks";

export interface State {
  cell: string;
  at: number | null;
  from: number | null;
  to: number | null;
  verdict: string[];
  cause: string[];
  axes: Record<string, string[]>;
  text: string;
  sort: string; // of the table of strategies; begins with `-`: downwards
  order: string; // of the list of cells
  cost: string; // of the scatter
}

const AXIS = "axis.";

function numberOf(text: string | null): number | null {
  const value = text === null || text === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

export function parse(hash: string): State {
  const told = new URLSearchParams(hash.replace(/^#/, ""));
  const axes: Record<string, string[]> = {};
  for (const key of new Set(told.keys())) {
    if (key.startsWith(AXIS)) axes[key.slice(AXIS.length)] = told.getAll(key);
  }
  return {
    cell: told.get("cell") ?? "",
    at: numberOf(told.get("at")),
    from: numberOf(told.get("from")),
    to: numberOf(told.get("to")),
    verdict: told.getAll("verdict"),
    cause: told.getAll("cause"),
    axes,
    text: told.get("text") ?? "",
    sort: told.get("sort") ?? "",
    order: told.get("order") ?? "",
    cost: told.get("cost") ?? "",
  };
}

export function written(state: State): string {
  const told = new URLSearchParams();
  const put = (key: string, value: string | number | null) => {
    if (value !== "" && value !== null) told.append(key, String(value));
  };
  put("cell", state.cell);
  if (state.cell) {
    put("at", state.at);
    put("from", state.from);
    put("to", state.to);
  }
  for (const [axis, labels] of Object.entries(state.axes)) for (const label of labels) put(AXIS + axis, label);
  for (const verdict of state.verdict) put("verdict", verdict);
  for (const cause of state.cause) put("cause", cause);
  put("text", state.text);
  put("sort", state.sort);
  put("order", state.order);
  put("cost", state.cost);
  return `#${told}`;
}

/** The address of a cell with the filters that are set, so that its way back keeps them. */
export function cellAddress(state: State, name: string): string {
  return written({ ...state, cell: name, at: null, from: null, to: null });
}

const CHANGED = "lab-state";

/** Changes the state. A step of its own in the browser's history, unless it continues what was there. */
export function change(state: State, part: Partial<State>, continues = false): void {
  const address = written({ ...state, ...part });
  if (continues) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  window.dispatchEvent(new Event(CHANGED));
}

export function useAddress(): State {
  const [state, setState] = useState(() => parse(location.hash));
  useEffect(() => {
    const read = () => setState(parse(location.hash));
    const events = ["hashchange", "popstate", CHANGED];
    for (const event of events) window.addEventListener(event, read);
    return () => {
      for (const event of events) window.removeEventListener(event, read);
    };
  }, []);
  return state;
}
