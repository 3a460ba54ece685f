// The lanes of a cell over time: wheel, drag and keys zoom and pan, from the whole run to microseconds.

import { scaleLinear } from "d3-scale";
import type { ScaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { zoom, zoomIdentity } from "d3-zoom";
import type { ZoomBehavior } from "d3-zoom";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Step, Timeline } from "./data";
import { bands as laidOut, colors, draw, hasOwn, shownLanes } from "./draw";
import { EventTable } from "./events";
import { Readout } from "./readout";
import { THEMED } from "./theme";

const SHORTEST = 20e-6; // seconds that can be seen at least
const NEAR = 8; // pixels from a mark

export interface View {
  from: number;
  to: number;
}

interface LanesProps {
  timeline: Timeline;
  steps: Step[];
  view: View | null; // null: all
  pinned: number | null;
  look: (view: View | null) => void; // after the view has come to rest
  pin: (at: number | null) => void;
}

/** The time around all that happened. */
export function whole(timeline: Timeline): View {
  const margin = Math.max((timeline.ends_s - timeline.starts_s) * 0.02, 0.01);
  return { from: timeline.starts_s - margin, to: timeline.ends_s + margin };
}

function times(timeline: Timeline): number[] {
  const found = new Set<number>();
  for (const lane of timeline.lanes) {
    for (const mark of lane.marks) if (mark.kind !== "sentinel") found.add(mark.at_s);
    for (const span of lane.spans) found.add(span.from_s);
  }
  for (const message of timeline.messages) found.add(message.at_s);
  return [...found].sort((a, b) => a - b);
}

export function Lanes({ timeline, steps, view, pinned, look, pin }: LanesProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const gestures = useRef<ZoomBehavior<HTMLCanvasElement, unknown>>();
  const all = useMemo(() => whole(timeline), [timeline]);
  const [own, setOwn] = useState(false); // the lab's own traffic
  const bands = useMemo(() => laidOut(shownLanes(timeline, own)), [timeline, own]);
  const moments = useMemo(() => times(timeline), [timeline]);
  const height = bands.length ? bands[bands.length - 1]!.top + bands[bands.length - 1]!.height : 40;
  const [width, setWidth] = useState(800);
  const [seen, setSeen] = useState<View>(view ?? all);
  const latest = useRef<View>(seen); // of keys that come faster than the page is drawn
  const [pointer, setPointer] = useState<number | null>(null);
  const [cursor, setCursor] = useState<number | null>(null); // moved by keys
  const reached = useRef<number | null>(null); // the same, at once
  const [paint, setPaint] = useState(colors);
  const base = useMemo(() => scaleLinear([all.from, all.to], [0, width]), [all, width]);
  const scale: ScaleLinear<number, number> = useMemo(() => scaleLinear([seen.from, seen.to], [0, width]), [seen, width]);

  useLayoutEffect(() => {
    const element = canvas.current!;
    const measure = () => setWidth(Math.max(200, element.clientWidth));
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const repaint = () => setPaint(colors());
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    window.addEventListener(THEMED, repaint);
    dark.addEventListener("change", repaint);
    return () => {
      window.removeEventListener(THEMED, repaint);
      dark.removeEventListener("change", repaint);
    };
  }, []);

  useEffect(() => {
    const element = select(canvas.current!);
    const behavior = zoom<HTMLCanvasElement, unknown>()
      .scaleExtent([1, (all.to - all.from) / SHORTEST])
      .extent([[0, 0], [width, height]])
      .translateExtent([[0, 0], [width, height]])
      .on("zoom", (event) => {
        const moved = event.transform.rescaleX(base).domain();
        latest.current = { from: moved[0]!, to: moved[1]! };
        setSeen(latest.current);
      })
      .on("end", (event) => {
        const moved = event.transform.rescaleX(base).domain();
        if (event.sourceEvent) look(event.transform.k <= 1 ? null : { from: moved[0], to: moved[1] });
      });
    gestures.current = behavior;
    element.call(behavior).on("dblclick.zoom", null);
    show(view ?? all);
    return () => {
      element.on(".zoom", null);
    };
  }, [base, height]);

  useEffect(() => show(view ?? all), [view?.from, view?.to]);

  useEffect(() => {
    const element = canvas.current!;
    const context = element.getContext("2d")!;
    const frame = requestAnimationFrame(() => {
      const density = window.devicePixelRatio || 1;
      if (element.width !== width * density || element.height !== height * density) {
        element.width = width * density;
        element.height = height * density;
      }
      context.setTransform(density, 0, 0, density, 0, 0);
      draw(context, { width, height, scale, bands, timeline, steps, cursor: pointer ?? cursor, pinned, colors: paint });
    });
    return () => cancelAnimationFrame(frame);
  }, [scale, bands, height, pointer, cursor, pinned, paint, steps]);

  function show(wanted: View): void {
    const element = canvas.current;
    if (!element || !gestures.current) return;
    const k = Math.min(Math.max((all.to - all.from) / Math.max(wanted.to - wanted.from, SHORTEST), 1), (all.to - all.from) / SHORTEST);
    select(element).call(gestures.current.transform, zoomIdentity.scale(k).translate(-base(wanted.from), 0));
  }

  function move(wanted: View): void {
    const length = Math.min(wanted.to - wanted.from, all.to - all.from);
    const from = Math.min(Math.max(wanted.from, all.from), all.to - length);
    latest.current = { from, to: from + length };
    look(length >= all.to - all.from ? null : latest.current);
  }

  function zoomed(by: number, around: number): void {
    const { from, to } = latest.current;
    const length = Math.min(Math.max((to - from) / by, SHORTEST), all.to - all.from);
    const share = (around - from) / (to - from);
    move({ from: around - share * length, to: around - share * length + length });
  }

  function step(direction: 1 | -1): void {
    const here = reached.current ?? (direction > 0 ? -Infinity : Infinity);
    const next = direction > 0 ? moments.find((at) => at > here) : moments.findLast((at) => at < here);
    if (next === undefined) return;
    reached.current = next;
    setCursor(next);
    setPointer(null);
    const { from, to } = latest.current;
    const length = to - from;
    if (next < from || next > to) move({ from: next - length / 2, to: next + length / 2 });
  }

  function keys(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { from, to } = latest.current;
    const length = to - from;
    const middle = cursor !== null && cursor >= from && cursor <= to ? cursor : (from + to) / 2;
    const acts: Record<string, () => void> = {
      ArrowLeft: () => move({ from: from - length / 8, to: to - length / 8 }),
      ArrowRight: () => move({ from: from + length / 8, to: to + length / 8 }),
      "+": () => zoomed(2, middle),
      "=": () => zoomed(2, middle),
      "-": () => zoomed(0.5, middle),
      Home: () => look(null),
      "0": () => look(null),
      n: () => step(1),
      p: () => step(-1),
      Enter: () => pin(pointer ?? cursor),
      Escape: () => {
        pin(null);
        reached.current = null;
        setCursor(null);
      },
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  const at = pointer ?? cursor ?? pinned ?? steps[0]?.at_s ?? Math.max(0, seen.from);
  const pixel = (seen.to - seen.from) / width;
  const pointed = (event: PointerEvent | MouseEvent) => scale.invert(event.offsetX);
  return (
    <div class="lanes">
      <div class="tools no-print" role="toolbar" aria-label="Timeline">
        <button type="button" onClick={() => zoomed(2, at >= seen.from && at <= seen.to ? at : (seen.from + seen.to) / 2)} title="zoom in (+)">
          +
        </button>
        <button type="button" onClick={() => zoomed(0.5, (seen.from + seen.to) / 2)} title="zoom out (-)">
          −
        </button>
        <button type="button" onClick={() => look(null)} title="show all (Home)">
          all
        </button>
        {steps.length > 0 && (
          <button type="button" onClick={() => look(around(steps, all))} title="show the cause and what followed from it">
            cause
          </button>
        )}
        {hasOwn(timeline) && (
          <button type="button" aria-pressed={own} onClick={() => setOwn(!own)} title="idle flows by which the lab checks the middlebox">
            lab’s own flows
          </button>
        )}
        <span class="small">wheel: zoom · drag: move · click: keep the time · keys: ← → + − n p</span>
      </div>
      <div class="chart">
        <div class="titles" aria-hidden="true" style={{ height: `${height}px` }}>
          {bands.map((band) => (
            <div class={`title ${band.lane.kind}`} style={{ top: `${band.top}px`, height: `${band.height}px` }} title={band.lane.title}>
              <span>{band.lane.title}</span>
            </div>
          ))}
        </div>
        <canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-label="Timeline. Left and right move, plus and minus zoom, Home shows all, n and p go to the next and previous event, Enter keeps the time."
          style={{ height: `${height}px` }}
          onKeyDown={keys}
          onPointerMove={(event) => setPointer(pointed(event))}
          onPointerLeave={() => setPointer(null)}
          onClick={(event) => pin(pointed(event))}
        />
      </div>
      <Readout
        bands={bands}
        timeline={timeline}
        at={at}
        near={NEAR * pixel}
        step={pointer === null && cursor !== null ? 0.000001 : Math.min(0.1, pixel)}
        live={pointer === null && cursor !== null}
      />
      <EventTable timeline={timeline} view={seen} />
    </div>
  );
}

/** The time around some steps, so that all can be seen. */
export function around(steps: { at_s: number }[], all: View): View {
  const at = steps.map((step) => step.at_s);
  const [first, last] = [Math.min(...at), Math.max(...at)];
  const margin = Math.max((last - first) * 0.15, 1);
  return { from: Math.max(all.from, first - margin), to: Math.min(all.to, last + margin) };
}
