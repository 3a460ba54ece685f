// What everybody was doing at a moment.

import type { Mark, Span, Timeline } from "./data";
import { firstFrom, tone } from "./draw";
import type { Band } from "./draw";
import { human, moment } from "./format";

export interface Doing {
  lane: string;
  spans: Span[];
  mark: Mark | null; // the nearest, if it is near
}

export function doing(bands: Band[], timeline: Timeline, at: number, near: number): Doing[] {
  return bands.map(({ lane }) => {
    const spans = lane.spans.filter((span) => span.from_s <= at && at <= (span.to_s ?? timeline.ends_s));
    const place = firstFrom(lane.marks, at);
    const around = [lane.marks[place - 1], lane.marks[place]].filter(
      (mark): mark is Mark => mark !== undefined && Math.abs(mark.at_s - at) <= near,
    );
    around.sort((a, b) => Math.abs(a.at_s - at) - Math.abs(b.at_s - at));
    return { lane: lane.title, spans, mark: around[0] ?? null };
  });
}

interface ReadoutProps {
  bands: Band[];
  timeline: Timeline;
  at: number;
  near: number;
  step: number;
  live: boolean; // spoken: it moved by keyboard
}

export function Readout({ bands, timeline, at, near, step, live }: ReadoutProps) {
  const found = doing(bands, timeline, at, near);
  return (
    <div class="readout" role="region" aria-label="At the pointer" aria-live={live ? "polite" : "off"}>
      <h3>
        At {moment(at, step)} <span class="small">{human(at)}</span>
      </h3>
      <dl>
        {found.map(({ lane, spans, mark }, place) => (
          <>
            <dt>{lane}</dt>
            <dd>
              {spans.map((span) => (
                <div>
                  <i class={`swatch ${tone(bands[place]!.lane.kind, span.kind)}`} aria-hidden="true" />
                  {span.text || span.kind}
                </div>
              ))}
              {mark && (
                <div class="at">
                  <span class="small">{moment(mark.at_s, Math.min(step, 0.001))}</span> {mark.text}
                </div>
              )}
              {!spans.length && !mark && <span class="small">–</span>}
            </dd>
          </>
        ))}
      </dl>
    </div>
  );
}
