// What to do: strategies that pass where this cell is, what they cost, their settings; how to run this cell again.

import { useEffect, useState } from "preact/hooks";

import type { CellLine, Details, Overview, Settings, Snippet } from "./data";
import { part } from "./data";
import { count } from "./format";
import { cellAddress } from "./state";
import type { State } from "./state";
import { columnOf } from "./table";

export function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard?.writeText(text).then(() => setCopied(true));
  };
  return (
    <span class="command">
      <code>{text}</code>
      <button type="button" class="plain no-print" onClick={copy}>
        {copied ? "copied" : "copy"}
      </button>
    </span>
  );
}

function Snippets({ snippets }: { snippets: Snippet[] }) {
  const [chosen, setChosen] = useState(0);
  const snippet = snippets[chosen] ?? snippets[0];
  if (!snippet) return null;
  return (
    <div class="snippets">
      <p class="buttons no-print" role="group" aria-label="client">
        {snippets.map((each, place) => (
          <button type="button" class="chip" aria-pressed={each === snippet} onClick={() => setChosen(place)}>
            {each.title}
          </button>
        ))}
      </p>
      <pre tabIndex={0}>
        <code>{snippet.code}</code>
      </pre>
      {snippet.note && <p class="small">{snippet.note}</p>}
    </div>
  );
}

export function WhatToDo({ run, cell, state, details }: { run: Overview; cell: CellLine; state: State; details: Details }) {
  const [settings, setSettings] = useState<Settings>({});
  useEffect(() => {
    part<Settings>("settings")?.then(setSettings, () => undefined); // without them the page says less
  }, []);
  const column = columnOf(run, cell);
  const where = column ? ` (${column})` : "";
  const row = run.row_axis ?? "";
  const passing = run.cells
    .filter((each) => each.verdict === "pass" && each.costs && columnOf(run, each) === column)
    .sort((a, b) => a.costs!.wakeups - b.costs!.wakeups || a.costs!.bytes - b.costs!.bytes);
  const others = run.cells.filter((each) => columnOf(run, each) === column).length;
  return (
    <section aria-label="What to do">
      <h2>What to do</h2>
      {row === "strategy" && others > 1 && (
        <>
          <p>
            {passing.length
              ? `Strategies that keep the client reachable${where}, the cheapest first:`
              : `No strategy of this run keeps the client reachable${where}.`}
          </p>
          <ol class="passing">
            {passing.map((each) => {
              const name = each.axes[row] ?? each.name;
              const snippets = settings[name] ?? [];
              return (
                <li>
                  <a href={cellAddress(state, each.name)}>{name}</a>{" "}
                  <span class="small">
                    {count(each.costs!.wakeups)} wake-ups, {count(each.costs!.packets)} packets, {count(each.costs!.bytes)} bytes
                    per hour{each.name === cell.name ? " (this cell)" : ""}
                  </span>
                  {snippets.length > 0 && (
                    <details>
                      <summary>settings</summary>
                      <Snippets snippets={snippets} />
                    </details>
                  )}
                </li>
              );
            })}
          </ol>
        </>
      )}
      <dl class="commands">
        {details.again && (
          <>
            <dt>run just this cell again</dt>
            <dd>
              <Command text={details.again} />
            </dd>
          </>
        )}
        <dt>pack it for a ticket</dt>
        <dd>
          <Command text={details.bundle} />
        </dd>
      </dl>
    </section>
  );
}
