// The page: the overview, or one cell.

import { render } from "preact";
import { useEffect, useMemo } from "preact/hooks";

import { CellPage } from "./cell";
import { overview } from "./data";
import type { Overview } from "./data";
import { OverviewPage } from "./overview";
import { useAddress } from "./state";
import { ThemeButton } from "./theme";
import "./page.css";

function Page({ run }: { run: Overview }) {
  const state = useAddress();
  const cell = useMemo(() => run.cells.find((each) => each.name === state.cell), [run, state.cell]);
  useEffect(() => {
    document.title = cell ? `${cell.name} – ${run.scenario.title}` : `${run.scenario.title} – lab`;
    window.scrollTo(0, 0);
  }, [cell, run]);
  return (
    <>
      <ThemeButton />
      {cell ? (
        <CellPage key={cell.name} run={run} cell={cell} state={state} />
      ) : (
        <OverviewPage run={run} state={state} unknown={state.cell} />
      )}
    </>
  );
}

const place = document.getElementById("app")!;
const run = overview();
place.replaceChildren(); // what is there without a browser that runs programs
render(<Page run={run} />, place);
document.documentElement.dataset["ready"] = "yes";
