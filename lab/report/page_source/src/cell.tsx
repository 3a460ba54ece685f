// The page of a cell: the verdict and why, lanes and ladder, what to do.

import { useEffect, useMemo, useState } from "preact/hooks";

import { WhatToDo } from "./advice";
import { part } from "./data";
import type { CellLine, Details, Overview, Step, Timeline } from "./data";
import { moment, rate } from "./format";
import { notes } from "./folding";
import { Ladder } from "./ladder";
import { around, Lanes, whole } from "./lanes";
import { cellAddress, change, written } from "./state";
import type { State } from "./state";
import { matches } from "./table";

/** A timeline of the outcome alone, for a cell whose record the page does not have. */
function plainTimeline(cell: CellLine, details: Details): Timeline | null {
  if (!details.probes) return null;
  const probes = details.probes.map((probe) => ({
    at_s: probe.at_s,
    kind: probe.answered ? "answered" : "lost",
    text: `${probe.kind.toUpperCase()} at ${moment(probe.at_s)}: ${probe.answered ? "answered" : "lost"}`,
    evidence: [],
  }));
  const tried = (details.tried ?? []).map((one) => ({
    at_s: one.at_s,
    kind: one.reached === null ? "tried-unknown" : one.reached ? "tried-answered" : "tried-lost",
    text: `probed again, ${one.why}`,
    evidence: [],
  }));
  const marks = [...probes, ...tried].sort((a, b) => a.at_s - b.at_s);
  return { starts_s: 0, ends_s: cell.ends_s, messages: [], lanes: [{ id: "probes", kind: "probes", title: "probes", spans: [], marks }] };
}

/** The timeline with a lane on top: when the client was out of reach, as far as probes show. */
function withReach(cell: CellLine, timeline: Timeline): Timeline {
  const spans = (cell.outages ?? []).map(([from, to]) => ({
    from_s: from,
    to_s: to,
    row: "",
    kind: "unreachable",
    text: "out of reach",
    evidence: [],
  }));
  const lane = { id: "reach", kind: "reach", title: "out of reach", spans, marks: [] };
  return spans.length ? { ...timeline, lanes: [lane, ...timeline.lanes] } : timeline;
}

interface ChainProps {
  steps: Step[];
  chosen: number | null;
  jump: (at: number) => void;
}

function Chain({ steps, chosen, jump }: ChainProps) {
  return (
    <ol class="chain">
      {steps.map((step) => (
        <li>
          <button type="button" class={step.at_s === chosen ? "chosen" : ""} onClick={() => jump(step.at_s)}>
            <span class="time">{moment(step.at_s)}</span> <span>{step.text}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

function Nearby({ run, cell, state }: { run: Overview; cell: CellLine; state: State }) {
  const cells = run.cells.filter((each) => matches(each, state));
  const place = cells.findIndex((each) => each.name === cell.name);
  const link = (to: CellLine | undefined, text: string, title: string) =>
    to && (
      <a href={cellAddress(state, to.name)} title={`${title}: ${to.name}`}>
        {text}
      </a>
    );
  return (
    <nav class="nearby no-print" aria-label="cells">
      <a href={written({ ...state, cell: "", at: null, from: null, to: null })}>← all cells</a>
      {place >= 0 && link(cells[place - 1], "previous", "previous cell")}
      {place >= 0 && link(cells[place + 1], "next", "next cell")}
    </nav>
  );
}

function Figures({ details }: { details: Details }) {
  if (!details.figures) return null;
  return (
    <section aria-label="Figures">
      <h2>What it cost</h2>
      <dl class="figures">
        {details.figures.map((figure) => (
          <div>
            <dt>{figure.name}</dt>
            <dd>
              {rate(figure.value)} <span class="small">{figure.unit}</span>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Files({ details }: { details: Details }) {
  return (
    <section aria-label="Files">
      <h2>Evidence</h2>
      <ul class="files">
        {details.files.map((file) => (
          <li>
            <a href={file.address}>{file.name}</a> <span class="small">{file.title}</span>
          </li>
        ))}
        <li>
          <a href={details.folder}>{decodeURIComponent(details.folder)}</a> <span class="small">the cell’s folder</span>
        </li>
      </ul>
    </section>
  );
}

export function CellPage({ run, cell, state }: { run: Overview; cell: CellLine; state: State }) {
  const number = run.cells.indexOf(cell);
  const [details, setDetails] = useState<Details | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const promise = part<Details>(`cell-${number}`);
    if (!promise) setProblem("This page does not have the details of this cell.");
    promise?.then(setDetails, (error: unknown) => setProblem(String(error)));
  }, [number]);
  return (
    <main class="cell">
      <Nearby run={run} cell={cell} state={state} />
      <header>
        <h1>
          <span class={`badge ${cell.verdict}`}>
            {cell.sign} {cell.verdict}
          </span>{" "}
          {cell.name}
        </h1>
        {cell.why && <p class="why-line">{cell.why}</p>}
        <p class="about small">
          <span>{run.scenario.title}</span>
          {run.axes.map((axis) => (
            <span>
              {axis.name}: {cell.axes[axis.name]}
            </span>
          ))}
          {cell.probes !== undefined && (
            <span>
              {cell.delivered} of {cell.probes} probes answered
            </span>
          )}
          {cell.claim && (
            <span class={cell.claim.holds ? "" : "broken"}>{cell.claim.holds ? "as claimed" : cell.claim.differs || "not as claimed"}</span>
          )}
          {cell.cause && run.causes[cell.cause] && <span title={run.causes[cell.cause]}>cause: {cell.cause}</span>}
        </p>
      </header>
      {problem && <p class="note">{problem}</p>}
      {details && <Body run={run} cell={cell} state={state} details={details} />}
    </main>
  );
}

function Body({ run, cell, state, details }: { run: Overview; cell: CellLine; state: State; details: Details }) {
  const timeline = useMemo(() => {
    const base = details.timeline ?? plainTimeline(cell, details);
    return base && withReach(cell, base);
  }, [cell, details]);
  const between = useMemo(() => (timeline ? notes(timeline) : []), [timeline]);
  const chains = details.chains ?? [];
  const [which, setWhich] = useState(0);
  const steps = (chains[which] ?? chains[0])?.steps ?? [];
  const [target, setTarget] = useState<number | null>(state.at ?? steps[0]?.at_s ?? null);
  const view = state.from !== null && state.to !== null && state.to > state.from ? { from: state.from, to: state.to } : null;
  const exact = (value: number) => Number(value.toFixed(7));
  const jump = (at: number) => {
    setTarget(null);
    queueMicrotask(() => setTarget(at));
    const all = timeline ? whole(timeline) : { from: at - 1, to: at + 1 };
    const now = view ?? all;
    const length = Math.min(now.to - now.from, Math.max((all.to - all.from) / 8, 2));
    const to = around([{ at_s: at - length / 2 + 1 }, { at_s: at + length / 2 - 1 }], all);
    change(state, { at, from: exact(to.from), to: exact(to.to) }, true);
  };
  return (
    <>
      {(chains.length > 0 || (details.kept_by ?? []).length > 0) && (
        <section class="cause" aria-label={chains.length ? "Cause" : "What kept it reachable"}>
          <h2>{chains.length ? "From the cause to the lost probe" : "What kept it reachable"}</h2>
          {chains.length > 1 && (
            <p class="buttons no-print" role="group" aria-label="lost probes">
              {chains.map((chain, place) => (
                <button type="button" class="chip" aria-pressed={place === which} onClick={() => setWhich(place)}>
                  probe at {moment(chain.probe_s)}
                </button>
              ))}
            </p>
          )}
          <Chain steps={chains.length ? steps : details.kept_by!} chosen={state.at} jump={jump} />
          {details.seen_in && <p class="small">This is the record of {details.seen_in}, which probed the client at its weakest moment.</p>}
        </section>
      )}
      {timeline && (
        <div class="evidence">
          <section aria-label="Timeline">
            <h2>Who did what when</h2>
            {details.left_out && <p class="note">{details.left_out}</p>}
            <Lanes
              timeline={timeline}
              steps={steps}
              view={view}
              pinned={state.at}
              look={(to) => change(state, to ? { from: exact(to.from), to: exact(to.to) } : { from: null, to: null }, true)}
              pin={(at) => {
                change(state, { at: at === null ? null : exact(at) }, true);
                if (at !== null) setTarget(at);
              }}
            />
          </section>
          {timeline.messages.length > 0 && (
            <Ladder messages={timeline.messages} notes={between} at={target} look={(at) => change(state, { at: exact(at) }, true)} />
          )}
        </div>
      )}
      {details.story.length > 0 && (
        <section aria-label="Story">
          <h2>The whole story</h2>
          <ul class="story">
            {details.story.map((line) => (
              <li>{line}</li>
            ))}
          </ul>
        </section>
      )}
      <WhatToDo run={run} cell={cell} state={state} details={details} />
      <div class="two">
        <Figures details={details} />
        <Files details={details} />
      </div>
    </>
  );
}
