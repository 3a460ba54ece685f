// The list of the cells that match: each with its verdict, why, and its figures.

import { useState } from "preact/hooks";

import type { CellLine, Overview } from "./data";
import { DEVICE_COLUMNS } from "./device";
import { count, percent } from "./format";
import { costText, Head, outageText } from "./matrix";
import { cellAddress } from "./state";
import type { State } from "./state";
import { sorted } from "./table";

const MOST = 60; // rows at first
const ORDER = ["fail", "error", "inconclusive", "pass", "unsupported"];

const KEYS: Record<string, (cell: CellLine) => number | string | null> = {
  verdict: (cell) => ORDER.indexOf(cell.verdict),
  name: (cell) => cell.name,
  cause: (cell) => cell.cause ?? null,
  claim: (cell) => (cell.claim ? (cell.claim.holds ? 1 : 0) : null),
  probes: (cell) => (cell.probes ? (cell.delivered ?? 0) / cell.probes : null),
  gap: (cell) => (cell.gap === undefined ? null : (cell.gap?.seconds ?? 0)),
  reachable: (cell) => cell.reachable ?? null,
  packets: (cell) => cell.costs?.packets ?? null,
  bytes: (cell) => cell.costs?.bytes ?? null,
  wakeups: (cell) => cell.costs?.wakeups ?? null,
  ...Object.fromEntries(
    DEVICE_COLUMNS.map((each) => [each.name, (cell: CellLine) => (cell.device ? each.value(cell.device) : null)]),
  ),
};

function Claim({ cell }: { cell: CellLine }) {
  if (!cell.claim) return null;
  return cell.claim.holds ? <span>holds</span> : <strong class="broken">{cell.claim.differs || "does not hold"}</strong>;
}

function Line({ cell, state, claims, device }: { cell: CellLine; state: State; claims: boolean; device: boolean }) {
  const cost = (name: "packets" | "bytes" | "wakeups") =>
    cell.costs ? costText(cell.costs[name], Boolean(cell.measured), Boolean(cell.lost_in_silence)) : "";
  return (
    <tr>
      <td>
        <a class={`badge ${cell.verdict}`} href={cellAddress(state, cell.name)} tabIndex={-1} aria-hidden="true">
          {cell.sign} {cell.verdict}
        </a>
        <span class="unseen">{cell.verdict}</span>
      </td>
      <th scope="row">
        <a href={cellAddress(state, cell.name)}>{cell.name}</a>
      </th>
      <td class="why-column">{cell.why}</td>
      {claims && (
        <td>
          <Claim cell={cell} />
        </td>
      )}
      <td class="number">{cell.probes === undefined ? "" : `${cell.delivered}/${cell.probes}`}</td>
      <td class="number">{cell.gap === undefined ? "" : outageText(cell.gap)}</td>
      <td class="number">{cell.reachable == null ? "" : percent(cell.reachable)}</td>
      <td class="number">{cost("packets")}</td>
      <td class="number">{cost("bytes")}</td>
      <td class="number">{cost("wakeups")}</td>
      {device && DEVICE_COLUMNS.map((each) => <td class="number">{cell.device ? each.text(cell.device) : ""}</td>)}
    </tr>
  );
}

export function CellList({ run, cells, state }: { run: Overview; cells: CellLine[]; state: State }) {
  const [all, setAll] = useState(false);
  const name = state.order.replace(/^-/, "");
  const key = KEYS[name];
  const ordered = key
    ? sorted(cells, key, state.order.startsWith("-"))
    : run.axes.length > 1
      ? sorted(cells, KEYS["verdict"]!, false)
      : cells;
  const shown = all ? ordered : ordered.slice(0, MOST);
  const claims = run.cells.some((cell) => cell.claim);
  const head = (of: string, title: string, number = true) => (
    <Head name={of} kind="order" state={state} class={number ? "number" : ""}>
      {title}
    </Head>
  );
  const starred = shown.some((cell) => cell.lost_in_silence);
  const estimated = shown.some((cell) => cell.costs && !cell.measured);
  if (!cells.length) return <p>No cell matches.</p>;
  return (
    <>
      <div class="wide">
        <table class="cells">
          <caption class="unseen">Cells with their figures</caption>
          <thead>
            <tr>
              {head("verdict", "verdict", false)}
              {head("name", "cell", false)}
              {head("cause", "why", false)}
              {claims && head("claim", "claim", false)}
              {head("probes", "probes")}
              {head("gap", "longest gap")}
              {head("reachable", "reachable")}
              {head("packets", "packets/h")}
              {head("bytes", "bytes/h")}
              {head("wakeups", "wake-ups/h")}
              {run.device && DEVICE_COLUMNS.map((each) => head(each.name, each.title))}
            </tr>
          </thead>
          <tbody>
            {shown.map((cell) => (
              <Line key={cell.name} cell={cell} state={state} claims={claims} device={run.device} />
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < ordered.length && (
        <button type="button" class="no-print" onClick={() => setAll(true)}>
          show all {count(ordered.length)} cells
        </button>
      )}
      <p class="small">
        Reachable: the share of the cell’s time in which no probe shows the client out of reach. Wake-ups: of a phone’s
        radio, by this traffic alone.{starred && " * out of reach for some time of the silent hour in which the traffic was measured."}
        {estimated && " ~ estimated from the cell itself."}
      </p>
    </>
  );
}
