// Everything in the part of the timeline that is seen, as a table: for screen readers, and to copy from.

import { useState } from "preact/hooks";

import type { Timeline } from "./data";
import { count, fixed } from "./format";

const MOST = 300;

interface Line {
  at: number;
  to: number | null | undefined; // null: until the end; undefined: at one moment
  lane: string;
  text: string;
  evidence: number[];
}

function lines(timeline: Timeline, from: number, to: number): Line[] {
  const found: Line[] = [];
  for (const lane of timeline.lanes) {
    for (const span of lane.spans) {
      if ((span.to_s ?? timeline.ends_s) < from || span.from_s > to) continue;
      const text = `${span.row}: ${span.text || span.kind}`;
      found.push({ at: span.from_s, to: span.to_s, lane: lane.title, text, evidence: span.evidence });
    }
    for (const mark of lane.marks) {
      if (mark.at_s < from || mark.at_s > to) continue;
      found.push({ at: mark.at_s, to: undefined, lane: lane.title, text: mark.text, evidence: mark.evidence });
    }
  }
  return found.sort((a, b) => a.at - b.at);
}

export function EventTable({ timeline, view }: { timeline: Timeline; view: { from: number; to: number } }) {
  const [open, setOpen] = useState(false);
  const found = open ? lines(timeline, view.from, view.to) : [];
  return (
    <details class="events no-print" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Events as a table</summary>
      {open && (
        <div class="wide">
          <table>
            <caption class="small">
              {count(found.length)} in the time that is seen
              {found.length > MOST && `; the first ${MOST}, zoom in for the others`}
            </caption>
            <thead>
              <tr>
                <th scope="col" class="number">from, s</th>
                <th scope="col" class="number">to, s</th>
                <th scope="col">where</th>
                <th scope="col">what</th>
                <th scope="col">lines of the record</th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, MOST).map((line) => (
                <tr>
                  <td class="number">{fixed(line.at, 3)}</td>
                  <td class="number">{line.to === undefined ? "" : line.to === null ? "end" : fixed(line.to, 3)}</td>
                  <td>{line.lane}</td>
                  <td>{line.text}</td>
                  <td>{line.evidence.join(", ")}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
