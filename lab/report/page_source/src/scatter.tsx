// Cost against reachability: each strategy a point, those that another one dominates dimmed, the front named.

import { scaleLinear, scaleLog, scaleSymlog } from "d3-scale";

import { useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Overview } from "./data";
import { count, percent } from "./format";
import { change } from "./state";
import type { State } from "./state";
import { COSTS } from "./table";
import type { Row } from "./table";

const WIDEST = 860;
const NARROWEST = 320;
const HEIGHT = 320;
const EDGE = { left: 58, right: 34, top: 36, bottom: 44 };
const MOST_NAMED = 12; // strategies that all have their names
const LINE = 15; // height of a name

interface Point {
  row: Row;
  x: number;
  y: number;
  cost: number;
  share: number;
  dominated: boolean;
}

function dominates(a: { cost: number; share: number }, b: { cost: number; share: number }): boolean {
  return a.cost <= b.cost && a.share >= b.share && (a.cost < b.cost || a.share > b.share);
}

function widthOf(point: Point): number {
  return 14 + 7.2 * point.row.label.length;
}

/** Whether a name stands on the left of its point, as there is no room on the right. */
function isLeft(point: Point, width: number): boolean {
  return point.x + widthOf(point) > width;
}

/** Moves names apart that would be on top of each other; each has the height at which it is to be. */
function apart(points: Point[], room: number): Map<Point, number> {
  const placed: { x: number; y: number; width: number }[] = [];
  const found = new Map<Point, number>();
  for (const point of [...points].sort((a, b) => a.y - b.y || a.x - b.x)) {
    const width = widthOf(point);
    const x = isLeft(point, room) ? point.x - width : point.x;
    let y = point.y - 7;
    const hits = () => placed.find((each) => Math.abs(each.y - y) < LINE && x < each.x + each.width && each.x < x + width);
    for (let hit = hits(); hit; hit = hits()) y = hit.y + (point.share < 0.1 ? -LINE : LINE); // not onto the axis
    placed.push({ x, y, width });
    found.set(point, y);
  }
  return found;
}

/** Round numbers on the axis, as many as there is room for. */
function ticks(least: number, most: number, x: (value: number) => number): number[] {
  const found: number[] = least > 0 ? [] : [0];
  for (let power = 1; power <= most; power *= 10) {
    for (const tick of [power, 2 * power, 5 * power]) {
      const before = found[found.length - 1];
      if (tick < least * 0.8 || tick > most * 1.05) continue;
      if (before === undefined || x(tick) - x(before) > 46) found.push(tick);
    }
  }
  return found;
}

export function Scatter({ run, rows, state }: { run: Overview; rows: Row[]; state: State }) {
  const [width, setWidth] = useState(WIDEST);
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (!box.current) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.min(WIDEST, Math.max(NARROWEST, entry!.contentRect.width))));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const chosen = COSTS.find((each) => each.name === state.cost) ?? COSTS[0]!;
  const several = run.axes.length > 1;
  const telling = rows.filter((row) => row.costs && row.judged && (several || row.probes));
  const figures = telling.map((row) => ({
    row,
    cost: row.costs![chosen.name],
    share: several ? row.passed / row.judged : row.delivered / row.probes,
  }));
  if (figures.length < 2) return null;
  const most = Math.max(...figures.map((each) => each.cost), 1);
  const least = Math.min(...figures.map((each) => each.cost));
  const range = [EDGE.left + 14, width - EDGE.right];
  const x = least > 0 ? scaleLog([least * 0.8, most * 1.05], range) : scaleSymlog([0, most * 1.05], range).constant(Math.max(most / 200, 1));
  const y = scaleLinear([0, 1], [HEIGHT - EDGE.bottom, EDGE.top]);
  const points: Point[] = figures.map((each) => ({
    ...each,
    x: x(each.cost),
    y: y(each.share),
    dominated: each.share === 0 || figures.some((other) => other !== each && dominates(other, each)),
  }));
  const front = points.filter((each) => !each.dominated).sort((a, b) => a.x - b.x || a.y - b.y);
  const named = points.length <= MOST_NAMED ? points : front;
  const names = apart(named, width);
  const shown = ticks(least, most, x);
  const line = front.map((point, place) => `${place ? `H${point.x} V` : `M${point.x},`}${point.y}`).join(" ");
  const what = several ? "share of cells passed" : "share of probes answered";
  return (
    <section class="scatter-part" aria-label="Cost against reachability">
      <h2>Cost against reachability</h2>
      <p class="buttons no-print" role="group" aria-label="cost">
        {COSTS.map((cost) => (
          <button
            type="button"
            class="chip"
            aria-pressed={cost === chosen}
            onClick={() => change(state, { cost: cost.name === "wakeups" ? "" : cost.name }, true)}
          >
            {cost.title.replace("radio ", "").replace(" per hour", "")}
          </button>
        ))}
      </p>
      <div ref={box}>
      <svg class="scatter" viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-labelledby="scatter-title">
        <title id="scatter-title">
          {chosen.title} against {what}; on the front: {front.map((point) => point.row.label).join(", ") || "nobody"}
        </title>
        {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
          <g>
            <line class="grid" x1={EDGE.left} x2={width - EDGE.right} y1={y(tick)} y2={y(tick)} />
            <text class="tick" x={EDGE.left - 8} y={y(tick) + 4} text-anchor="end">
              {100 * tick} %
            </text>
          </g>
        ))}
        {shown.map((tick) => (
          <text class="tick" x={x(tick)} y={HEIGHT - EDGE.bottom + 18} text-anchor="middle">
            {count(tick)}
          </text>
        ))}
        <text class="tick" x={(EDGE.left + width - EDGE.right) / 2} y={HEIGHT - 6} text-anchor="middle">
          {chosen.title} →
        </text>
        <text class="tick" x={EDGE.left - 8} y={11} text-anchor="start">
          ↑ {what}
        </text>
        <path class="front" d={line} />
        {points.map((point) => (
          <circle class={point.dominated ? "point dominated" : "point"} cx={point.x} cy={point.y} r={point.dominated ? 4 : 6}>
            <title>
              {point.row.label}: {percent(point.share)}, {count(point.cost)} {chosen.title}
              {point.dominated ? " (dominated)" : ""}
            </title>
          </circle>
        ))}
        {named.map((point) => (
          <text class={point.dominated ? "name dimmed" : "name"} x={point.x + (isLeft(point, width) ? -10 : 10)} y={names.get(point)} text-anchor={isLeft(point, width) ? "end" : "start"}>
            {point.row.label}
          </text>
        ))}
      </svg>
      </div>
      <p class="small">
        In color: strategies that no other one dominates, that is, reaches as much at no more cost. Dimmed: the others
        {named === front && "; the pointer shows their names"}.
      </p>
    </section>
  );
}
