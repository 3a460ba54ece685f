// The overview: what was asked, what came of it, and what to look at.

import { useMemo } from "preact/hooks";

import { CellList } from "./cells";
import { Changes, Recommendation } from "./changes";
import type { Overview } from "./data";
import { DeviceMatrix } from "./device";
import { Filters } from "./filters";
import { plural } from "./format";
import { Matrix } from "./matrix";
import { Scatter } from "./scatter";
import type { State } from "./state";
import { isFiltered, matches, rows, VERDICTS } from "./table";

export function Heading({ run }: { run: Overview }) {
  const { scenario } = run;
  return (
    <>
      <h1>{scenario.title}</h1>
      <p class="about small">
        <span>{scenario.file}</span>
        <span>{run.clock} time</span>
        {run.backend !== "netns" && <span>{run.backend}</span>}
        {run.seed !== null && <span>seed {run.seed}</span>}
        <span>lab {run.lab}</span>
        {scenario.source.length > 0 && (
          <span>
            source:{" "}
            {scenario.source.map((part) =>
              part.address ? (
                <a href={part.address} rel="noreferrer">
                  {part.text}
                </a>
              ) : (
                part.text
              ),
            )}
          </span>
        )}
      </p>
    </>
  );
}

function Tiles({ run }: { run: Overview }) {
  const claims = run.cells.flatMap((cell) => (cell.claim ? [cell.claim] : []));
  const held = claims.filter((claim) => claim.holds).length;
  return (
    <ul class="tiles" aria-label="results">
      {VERDICTS.map((verdict) => {
        const number = run.cells.filter((cell) => cell.verdict === verdict).length;
        return number ? (
          <li class={`tile ${verdict}`}>
            <strong>{number}</strong> {verdict}
          </li>
        ) : null;
      })}
      {claims.length > 0 && (
        <li class={held === claims.length ? "tile claims" : "tile claims broken"}>
          <strong>
            {held} of {claims.length}
          </strong>{" "}
          claims hold
        </li>
      )}
    </ul>
  );
}

function Why({ paragraphs }: { paragraphs: string[] }) {
  const [first, ...more] = paragraphs;
  if (!first) return null;
  return (
    <div class="why">
      <p>{first}</p>
      {more.length > 0 && (
        <details>
          <summary>more about this scenario</summary>
          {more.map((paragraph) => (
            <p>{paragraph}</p>
          ))}
        </details>
      )}
    </div>
  );
}

export function OverviewPage({ run, state, unknown }: { run: Overview; state: State; unknown: string }) {
  const cells = useMemo(() => run.cells.filter((cell) => matches(cell, state)), [run, state]);
  const table = useMemo(() => (run.row_axis === null ? [] : rows(run, cells)), [run, cells]);
  const filtered = isFiltered(state);
  const several = run.axes.length > 1;
  return (
    <main>
      <header>
        <Heading run={run} />
        <Tiles run={run} />
        {!run.finished && <p class="note">This run was interrupted. Each cell is shown as far as it came.</p>}
        {unknown && <p class="note">This run has no cell “{unknown}”.</p>}
        {run.warnings.map((warning) => (
          <p class="note">{warning}</p>
        ))}
      </header>
      <Why paragraphs={run.scenario.why} />
      {run.ranking && <Recommendation ranking={run.ranking} />}
      {run.comparison && <Changes comparison={run.comparison} run={run} state={state} />}
      <section aria-label="Results">
        <h2>Results</h2>
        {run.cells.length > 1 && <Filters run={run} state={state} />}
        <p class="small" role="status">
          {filtered ? `${cells.length} of ${plural(run.cells.length, "cell")} match` : run.summary}
        </p>
        {!several && <CellList run={run} cells={cells} state={state} />}
      </section>
      <div class="pair">
        {several && <Matrix run={run} rows={table} state={state} filtered={filtered} />}
        {table.length > 1 && !run.curve && <Scatter run={run} rows={table} state={state} />}
      </div>
      {several && run.device && <DeviceMatrix run={run} rows={table} state={state} />}
      {several && (
        <section aria-label="Cells">
          <h2>Cells</h2>
          <CellList run={run} cells={cells} state={state} />
        </section>
      )}
    </main>
  );
}
