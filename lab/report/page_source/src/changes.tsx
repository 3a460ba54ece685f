// What other commands found: what changed since a baseline, and what a ranking recommends.

import type { Comparison, Overview, Ranking } from "./data";
import { count, plural } from "./format";
import { cellAddress } from "./state";
import type { State } from "./state";

const HEADINGS = { worse: "worse", better: "better", other: "neither worse nor better", noise: "within the noise" };
const SIGNS: Record<string, string> = { worse: "✗", better: "✓", other: "≠", noise: "~" };

export function Changes({ comparison, run, state }: { comparison: Comparison; run: Overview; state: State }) {
  const known = new Set(run.cells.map((cell) => cell.name));
  const changed = Object.entries(comparison.counts).filter(([, number]) => number);
  return (
    <section class="card" aria-label="Changes since the baseline">
      <h2>Since {comparison.baseline}</h2>
      <p>
        {changed.map(([kind, number]) => `${count(number)} ${HEADINGS[kind as "worse"] ?? `the ${kind}`}`).join(", ") ||
          "nothing to compare"}
      </p>
      {(["worse", "better", "other", "noise"] as const).map((direction) => {
        const those = comparison.cells.filter((cell) => cell.direction === direction);
        if (!those.length) return null;
        return (
          <details open={direction === "worse" || direction === "better"}>
            <summary>
              {HEADINGS[direction]} ({those.length})
            </summary>
            <ul class="changes">
              {those.map((cell) => (
                <li class={direction}>
                  {known.has(cell.name) ? <a href={cellAddress(state, cell.name)}>{cell.name}</a> : cell.name}
                  {cell.changes.map((each) => (
                    <span>
                      {SIGNS[each.direction] ?? ""} {each.what} {each.before} → {each.after}
                      {each.why && <em> {each.why}</em>}
                    </span>
                  ))}
                </li>
              ))}
            </ul>
          </details>
        );
      })}
      {comparison.more > 0 && <p>and {plural(comparison.more, "other cell")}: comparison.json</p>}
      {comparison.notes.map((note) => (
        <p class="small">{note}</p>
      ))}
    </section>
  );
}

function outage(value: number | "end" | null): string {
  return value === null ? "unknown" : value === "end" ? "to the end" : `${count(value)} s`;
}

export function Recommendation({ ranking }: { ranking: Ranking }) {
  const front = ranking.strategies.filter((each) => each.on_front);
  const others = ranking.strategies.length - front.length;
  return (
    <section class="card recommendation" aria-label="Recommendation">
      <h2>{ranking.strategy ? <>Ship {ranking.strategy}</> : "No strategy keeps all limits"}</h2>
      {!ranking.strategy && ranking.nearest && (
        <p>
          The nearest is {ranking.nearest}; it misses {ranking.binding.join(", ")}.
        </p>
      )}
      <p>{ranking.reason}</p>
      <table>
        <caption class="unseen">Strategies that none dominates</caption>
        <thead>
          <tr>
            <th scope="col">on the front</th>
            <th scope="col" class="number">reaches</th>
            <th scope="col" class="number">worst outage</th>
            <th scope="col" class="number">wake-ups/h</th>
            <th scope="col" class="number">packets/h</th>
            <th scope="col" class="number">bytes/h</th>
          </tr>
        </thead>
        <tbody>
          {front.map((each) => (
            <tr class={each.name === ranking.strategy ? "chosen" : ""}>
              <th scope="row">{each.name}</th>
              <td class="number">{count(each.share)} %</td>
              <td class="number">{outage(each.worst_outage_s)}</td>
              {(["wakeups", "packets", "bytes"] as const).map((cost) => (
                <td class="number">{each.costs[cost] === null ? "unknown" : count(each.costs[cost])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="small">
        Rule: {ranking.rule.replace(/\.$/, "")}. Population: {plural(Object.keys(ranking.population).length, "middlebox", "middleboxes")}
        {others > 0 && `; ${plural(others, "other strategy", "other strategies")} are dominated or reach nobody`}.
      </p>
    </section>
  );
}
