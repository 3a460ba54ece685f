// The matrix: strategies downwards, the other axes across, and what each row comes to.

import type { ComponentChildren } from "preact";

import type { CellLine, Overview } from "./data";
import { count } from "./format";
import { cellAddress, change } from "./state";
import type { State } from "./state";
import { columnOf, sorted } from "./table";
import type { Row } from "./table";

const RANK: Record<string, number> = { pass: 0, inconclusive: 1, error: 2, fail: 3, unsupported: 4 };
const MEANINGS = [
  ["pass", "✓ reachable at every probe"],
  ["fail", "✗ not reachable"],
  ["inconclusive", "? the lab could not establish it"],
  ["unsupported", "— cannot exist there"],
  ["error", "! error"],
] as const;
const MOST_LABELLED = 40; // columns; a curve has hundreds, which are drawn as a strip

export function label(cell: CellLine): string {
  const claim = cell.claim && !cell.claim.holds ? `; not as claimed: ${cell.claim.differs}` : "";
  return `${cell.name}: ${cell.verdict}${cell.why ? `, ${cell.why}` : ""}${claim}`;
}

interface HeadProps {
  name: string;
  state: State;
  kind: "sort" | "order";
  children: ComponentChildren;
  class?: string;
}

/** The head of a column, which sorts by it: downwards first, then upwards, then not. */
export function Head({ name, state, kind, children, class: classes = "" }: HeadProps) {
  const now = state[kind];
  const direction = now === `-${name}` ? "descending" : now === name ? "ascending" : "none";
  const next = direction === "descending" ? name : direction === "ascending" ? "" : `-${name}`;
  return (
    <th class={classes} aria-sort={direction} scope="col">
      <button type="button" onClick={() => change(state, { [kind]: next }, true)}>
        {children}
        <span class="arrow" aria-hidden="true">
          {direction === "descending" ? "▾" : direction === "ascending" ? "▴" : ""}
        </span>
      </button>
    </th>
  );
}

export function outageText(gap: { seconds: number; open: boolean } | null | undefined): string {
  return gap && gap.seconds ? `${gap.open ? "> " : ""}${count(gap.seconds)} s` : "none seen";
}

export function costText(value: number, measured: boolean, lost: boolean): string {
  return `${measured ? "" : "~"}${count(value)}${lost ? "*" : ""}`;
}

function key(name: string): (row: Row) => number | string | null {
  if (name.startsWith("column:")) {
    const column = name.slice("column:".length);
    return (row) => RANK[row.cells.get(column)?.verdict ?? ""] ?? null;
  }
  if (name === "passed") return (row) => (row.judged ? row.passed / row.judged : null);
  if (name === "outage") return (row) => (row.judged ? (row.gap ? row.gap.seconds + (row.gap.open ? 1e9 : 0) : 0) : null);
  if (name === "name") return (row) => row.label;
  return (row) => row.costs?.[name as "packets"] ?? null;
}

interface MatrixProps {
  run: Overview;
  rows: Row[];
  state: State;
  filtered: boolean;
}

export function Matrix({ run, rows, state, filtered }: MatrixProps) {
  const shown = new Set(rows.flatMap((row) => [...row.cells.keys()]));
  const columns = [...new Set(run.cells.map((cell) => columnOf(run, cell)))].filter((each) => shown.has(each));
  const strip = columns.length > MOST_LABELLED;
  const told = new Map(run.rows.map((row) => [row.label, row.outage]));
  const name = state.sort.replace(/^-/, "");
  const ordered = name ? sorted(rows, key(name), state.sort.startsWith("-")) : rows;
  const starred = rows.some((row) => row.lostInSilence);
  if (!rows.length) return null;
  return (
    <section class="matrix-part" aria-label="Verdicts">
      <div class="wide">
        <table class={strip ? "matrix strip" : "matrix"}>
          <caption class="unseen">
            Verdicts: {run.row_axis} downwards, {run.axes.filter((axis) => axis.name !== run.row_axis).map((axis) => axis.name).join(", ")} across
          </caption>
          <thead>
            <tr>
              <Head name="name" kind="sort" state={state} class="corner">
                {run.row_axis}
              </Head>
              {columns.map((column) =>
                strip ? (
                  <th class="axis" scope="col">
                    <span class="unseen">{column}</span>
                  </th>
                ) : (
                  <Head name={`column:${column}`} kind="sort" state={state} class="axis">
                    <span class="turned">{column}</span>
                  </Head>
                ),
              )}
              <Head name="passed" kind="sort" state={state} class="number">
                passed
              </Head>
              <Head name="outage" kind="sort" state={state} class="number">
                longest
                <br />
                outage
              </Head>
              <Head name="packets" kind="sort" state={state} class="number">
                packets
                <br />
                per hour
              </Head>
              <Head name="bytes" kind="sort" state={state} class="number">
                bytes
                <br />
                per hour
              </Head>
              <Head name="wakeups" kind="sort" state={state} class="number">
                wake-ups
                <br />
                per hour
              </Head>
            </tr>
          </thead>
          <tbody>
            {ordered.map((row) => (
              <tr key={row.label}>
                <th scope="row">{row.label}</th>
                {columns.map((column) => {
                  const cell = row.cells.get(column);
                  return (
                    <td class="verdict">
                      {cell && (
                        <a
                          class={`${cell.verdict}${cell.claim && !cell.claim.holds ? " breaks" : ""}`}
                          href={cellAddress(state, cell.name)}
                          title={label(cell)}
                          aria-label={label(cell)}
                        >
                          {strip ? "" : cell.sign}
                        </a>
                      )}
                    </td>
                  );
                })}
                <td class="number">{row.judged ? `${row.passed}/${row.judged}` : "·"}</td>
                <td class="number">
                  {!row.judged ? "·" : run.curve && !filtered ? told.get(row.label) : outageText(row.gap)}
                </td>
                {(["packets", "bytes", "wakeups"] as const).map((cost) => (
                  <td class="number">{row.costs ? costText(row.costs[cost], row.measured, row.lostInSilence) : "·"}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="small legend">
        {MEANINGS.filter(([verdict]) => run.cells.some((cell) => cell.verdict === verdict)).map(([verdict, meaning]) => (
          <span class={verdict}>{meaning} </span>
        ))}
        {run.cells.some((cell) => cell.claim && !cell.claim.holds) && <span>outlined: not as claimed</span>}
        <br />
        The longest outage is from the cause to the next probe that was answered, &gt; if none was until the
        end{run.curve ? "; here, where each probe is in a cell of its own, it lies between the two times" : ""}.
        Numbers are of the cells of a row that passed or failed; traffic is their median.
        {starred && " * out of reach for some time of the silent hour in which the traffic was measured."}
      </p>
    </section>
  );
}
