// The cells that match the filters, laid out: strategies downwards, other axes across, and what each row comes to.

import type { CellLine, CostName, Overview, Verdict } from "./data";
import type { State } from "./state";

export const VERDICTS: Verdict[] = ["fail", "inconclusive", "error", "pass", "unsupported"];
export const COSTS: { name: CostName; title: string }[] = [
  { name: "wakeups", title: "radio wake-ups per hour" },
  { name: "packets", title: "packets per hour" },
  { name: "bytes", title: "bytes per hour" },
];

export function matches(cell: CellLine, state: State): boolean {
  if (state.verdict.length && !state.verdict.includes(cell.verdict)) return false;
  if (state.cause.length && !state.cause.includes(cell.cause ?? "")) return false;
  for (const [axis, labels] of Object.entries(state.axes)) {
    if (labels.length && !labels.includes(cell.axes[axis] ?? "")) return false;
  }
  const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = `${cell.name} ${cell.why} ${cell.cause ?? ""} ${cell.claim?.differs ?? ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

export function isFiltered(state: State): boolean {
  const axes = Object.values(state.axes).some((labels) => labels.length);
  return Boolean(axes || state.verdict.length || state.cause.length || state.text);
}

export function columnOf(run: Overview, cell: CellLine): string {
  const others = run.axes.filter((axis) => axis.name !== run.row_axis);
  return others.map((axis) => cell.axes[axis.name] ?? "").join(", ");
}

export interface Row {
  label: string;
  cells: Map<string, CellLine>;
  passed: number;
  judged: number;
  delivered: number;
  probes: number;
  gap: { seconds: number; open: boolean } | null;
  costs: Record<CostName, number> | null;
  measured: boolean;
  lostInSilence: boolean;
}

export function judged(cell: CellLine): boolean {
  return cell.verdict === "pass" || cell.verdict === "fail";
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The longest time from the cause of a lost probe to the next answered one. */
export function longestOutage(cell: CellLine): { seconds: number; open: boolean } | null {
  let found: { seconds: number; open: boolean } | null = null;
  for (const [from, to] of cell.outages ?? []) {
    const seconds = (to ?? cell.ends_s) - from;
    if (!found || seconds > found.seconds) found = { seconds, open: to === null };
  }
  return found;
}

function longer<T extends { seconds: number } | null>(a: T, b: T): T {
  return !a || (b && b.seconds > a.seconds) ? b : a;
}

/** The rows that have cells, in the scenario's order; only cells that passed or failed count in their figures. */
export function rows(run: Overview, cells: CellLine[]): Row[] {
  const found = new Map<string, CellLine[]>(run.rows.map((row) => [row.label, []]));
  for (const cell of cells) found.get(cell.axes[run.row_axis ?? ""] ?? "")?.push(cell);
  const made: Row[] = [];
  for (const [label, those] of found) {
    if (!those.length) continue;
    const telling = those.filter(judged);
    const cost = (name: CostName) => median(telling.map((cell) => cell.costs?.[name] ?? 0));
    made.push({
      label,
      cells: new Map(those.map((cell) => [columnOf(run, cell), cell])),
      passed: telling.filter((cell) => cell.verdict === "pass").length,
      judged: telling.length,
      delivered: telling.reduce((sum, cell) => sum + (cell.delivered ?? 0), 0),
      probes: telling.reduce((sum, cell) => sum + (cell.probes ?? 0), 0),
      gap: telling.map(longestOutage).reduce(longer, null),
      costs: telling.length
        ? { wakeups: cost("wakeups"), packets: cost("packets"), bytes: cost("bytes"), radio_s: cost("radio_s") }
        : null,
      measured: telling.every((cell) => cell.measured),
      lostInSilence: telling.some((cell) => cell.lost_in_silence),
    });
  }
  return made;
}

/** Sorts by a key; missing values come last in both directions. */
export function sorted<T>(items: T[], key: (item: T) => number | string | null, downwards: boolean): T[] {
  return [...items].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === b) return 0;
    if (a === null) return 1;
    if (b === null) return -1;
    return (a < b ? -1 : 1) * (downwards ? -1 : 1);
  });
}
