// Draws the lanes of a cell onto a canvas.

import type { ScaleLinear } from "d3-scale";

import type { Lane, Mark, Message, Span, Step, Timeline } from "./data";
import { timeTicks } from "./ticks";
import { color } from "./theme";

const ROW = 19; // height of a row of spans
const MARKS = 18; // height of the row of marks of a lane
const PAD = 5; // above and below a lane
const LEAST = 34; // height of a lane: two lines of its title
export const AXIS = 24; // height of the axis, at the top
const FONT = "11px system-ui, sans-serif";

/** Where a lane is drawn. */
export interface Band {
  lane: Lane;
  top: number;
  height: number;
  first: number; // the top of the first row
  rows: Map<string, number>;
  marksAt: number; // the middle of the row of marks; 0: it has none
}

export function bands(lanes: Lane[]): Band[] {
  let top = AXIS;
  return lanes.map((lane) => {
    const rows = new Map<string, number>();
    for (const span of lane.spans) if (!rows.has(span.row)) rows.set(span.row, rows.size);
    const marks = lane.marks.length ? MARKS : 0;
    const height = Math.max(LEAST, rows.size * ROW + marks + 2 * PAD);
    const free = (height - rows.size * ROW - marks) / 2;
    const band = { lane, top, height, first: top + free, rows, marksAt: marks ? top + free + rows.size * ROW + MARKS / 2 : 0 };
    top += height;
    return band;
  });
}

const GOOD = new Set(["active", "connected", "open", "mapping", "answered", "tried-answered", "confirmed", "held", "reachable"]);
const BAD = new Set([
  "lost", "tried-lost", "ended", "failed", "aborted", "down", "unreachable", "dropped", "closed", "reset", "mute", "gone", "terminated",
]);
const QUIET = new Set(["sentinel", "told", "setting", "packets"]);

/** The color of a span or a mark: its meaning, not its place. */
export function tone(lane: string, kind: string): string {
  if (lane === "faults") return "fault";
  if (BAD.has(kind)) return "fail";
  if (GOOD.has(kind)) return lane === "probes" ? "pass" : lane === "reach" ? "pass" : "calm";
  if (kind === "sent" || kind === "received" || lane === "link") return QUIET.has(kind) ? "faint" : "traffic";
  if (kind === "refreshed" || kind === "created") return "traffic";
  return QUIET.has(kind) ? "faint" : "other";
}

export type Colors = Record<string, string>;

const NAMES = ["text", "dim", "line", "page", "stripe", "pass", "fail", "fault", "calm", "calm-text", "traffic", "faint", "other", "inconclusive", "accent"];

export function colors(): Colors {
  return Object.fromEntries(NAMES.map((name) => [name, color(name)]));
}

interface Scene {
  width: number;
  height: number;
  scale: ScaleLinear<number, number>;
  bands: Band[];
  timeline: Timeline;
  steps: Step[]; // of the cause, numbered
  cursor: number | null;
  pinned: number | null;
  colors: Colors;
}

export function draw(canvas: CanvasRenderingContext2D, scene: Scene): void {
  const { width, height, scale, colors: paint } = scene;
  const [from, to] = scale.domain() as [number, number];
  canvas.clearRect(0, 0, width, height);
  canvas.font = FONT;
  canvas.textBaseline = "middle";
  scene.bands.forEach((band, place) => {
    if (place % 2 === 0) {
      canvas.fillStyle = paint["stripe"]!;
      canvas.fillRect(0, band.top, width, band.height);
    }
  });
  drawAxis(canvas, scene, from, to);
  for (const band of scene.bands) {
    if (band.lane.kind === "faults") drawFaults(canvas, scene, band);
  }
  for (const band of scene.bands) {
    for (const span of band.lane.spans) drawSpan(canvas, scene, band, span, from, to);
    if (band.marksAt) drawMarks(canvas, scene, band, from, to);
  }
  drawSteps(canvas, scene);
  for (const [at, name] of [[scene.pinned, "accent"], [scene.cursor, "text"]] as const) {
    if (at === null) continue;
    const x = Math.round(scale(at)) + 0.5;
    canvas.strokeStyle = paint[name]!;
    canvas.lineWidth = name === "accent" ? 2 : 1;
    canvas.beginPath();
    canvas.moveTo(x, AXIS);
    canvas.lineTo(x, height);
    canvas.stroke();
  }
}

function drawAxis(canvas: CanvasRenderingContext2D, { width, height, scale, colors: paint }: Scene, from: number, to: number): void {
  const ticks = timeTicks(from, to, width / 120);
  canvas.strokeStyle = paint["line"]!;
  canvas.lineWidth = 1;
  canvas.fillStyle = paint["dim"]!;
  for (const { at, text } of ticks) {
    const x = Math.round(scale(at)) + 0.5;
    canvas.beginPath();
    canvas.moveTo(x, AXIS - 5);
    canvas.lineTo(x, height);
    canvas.stroke();
    const size = canvas.measureText(text).width;
    canvas.fillText(text, Math.min(Math.max(x - size / 2, 2), width - size - 2), 10);
  }
  if (from < 0 && to > 0) {
    const x = Math.round(scale(0)) + 0.5;
    canvas.strokeStyle = paint["dim"]!;
    canvas.beginPath();
    canvas.moveTo(x, AXIS - 8);
    canvas.lineTo(x, height);
    canvas.stroke();
  }
}

/** Faults are bands through all lanes. */
function drawFaults(canvas: CanvasRenderingContext2D, { width, height, scale, colors: paint }: Scene, band: Band): void {
  canvas.fillStyle = paint["fault"]!;
  canvas.globalAlpha = 0.13;
  for (const span of band.lane.spans) {
    const left = Math.max(0, scale(span.from_s));
    const right = Math.min(width, span.to_s === null ? width : scale(span.to_s));
    if (right >= 0 && left <= width) canvas.fillRect(left, AXIS, Math.max(2, right - left), height - AXIS);
  }
  canvas.globalAlpha = 1;
}

function drawSpan(canvas: CanvasRenderingContext2D, scene: Scene, band: Band, span: Span, from: number, to: number): void {
  const end = span.to_s ?? scene.timeline.ends_s;
  if (end < from || span.from_s > to) return;
  const { scale, width, colors: paint } = scene;
  const left = Math.max(-4, scale(span.from_s));
  const right = Math.min(width + 4, scale(end));
  const size = Math.max(2, right - left);
  const top = band.first + (band.rows.get(span.row) ?? 0) * ROW;
  const name = tone(band.lane.kind, span.kind);
  canvas.fillStyle = paint[name]!;
  canvas.globalAlpha = name === "calm" || name === "pass" ? 1 : 0.85;
  canvas.beginPath();
  canvas.roundRect(left, top + 1, size, ROW - 3, Math.min(3, size / 2));
  canvas.fill();
  canvas.globalAlpha = 1;
  const room = Math.min(right, width) - Math.max(left, 0) - 10;
  if (room > 24) {
    canvas.fillStyle = name === "calm" ? paint["calm-text"]! : name === "faint" ? paint["text"]! : "#fff";
    canvas.fillText(fitting(canvas, span.text || span.kind, room), Math.max(left, 0) + 5, top + ROW / 2);
  }
}

/** The beginning of a text that fits; measured roughly, as there may be thousands. */
function fitting(canvas: CanvasRenderingContext2D, text: string, room: number): string {
  if (canvas.measureText(text).width <= room) return text;
  const letters = Math.floor((room - 8) / 5.6);
  return letters > 2 ? `${text.slice(0, letters)}…` : "";
}

/** The first mark at or after a moment. Marks are in the order of time. */
export function firstFrom(marks: { at_s: number }[], at: number): number {
  let [low, high] = [0, marks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (marks[middle]!.at_s < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function drawMarks(canvas: CanvasRenderingContext2D, scene: Scene, band: Band, from: number, to: number): void {
  const { scale, colors: paint } = scene;
  const marks = band.lane.marks;
  const last = new Map<string, number>(); // of each color the last pixel, so that thousands are drawn as one line
  for (let place = firstFrom(marks, from); place < marks.length && marks[place]!.at_s <= to; place += 1) {
    const mark = marks[place]!;
    const x = scale(mark.at_s);
    const name = tone(band.lane.kind, mark.kind);
    if (band.lane.kind === "probes") {
      drawProbe(canvas, mark, x, band.marksAt, paint);
      continue;
    }
    if (x - (last.get(name) ?? -9) < 1) continue;
    last.set(name, x);
    canvas.fillStyle = paint[name]!;
    const size = name === "fail" ? 7 : name === "faint" ? 3 : 5;
    canvas.fillRect(Math.round(x) - 1, band.marksAt - size, 2, 2 * size);
  }
}

/** A probe: a disc if it was answered, a cross if not; hollow if a twin sent it at the weakest moment. */
function drawProbe(canvas: CanvasRenderingContext2D, mark: Mark, x: number, y: number, paint: Colors): void {
  const twin = mark.kind.startsWith("tried");
  const lost = mark.kind.endsWith("lost");
  const name = lost ? "fail" : mark.kind.endsWith("answered") ? "pass" : "inconclusive";
  canvas.strokeStyle = canvas.fillStyle = paint[name]!;
  canvas.lineWidth = 2.2;
  canvas.beginPath();
  if (twin) {
    canvas.moveTo(x, y - 7);
    canvas.lineTo(x + 7, y);
    canvas.lineTo(x, y + 7);
    canvas.lineTo(x - 7, y);
    canvas.closePath();
    canvas.stroke();
  } else if (!lost) {
    canvas.arc(x, y, 5.5, 0, 7);
    canvas.fill();
  }
  if (lost) {
    const size = twin ? 3 : 5;
    canvas.beginPath();
    canvas.moveTo(x - size, y - size);
    canvas.lineTo(x + size, y + size);
    canvas.moveTo(x + size, y - size);
    canvas.lineTo(x - size, y + size);
    canvas.stroke();
  }
}

/** The steps from the cause to the lost probe: numbered flags on the axis. */
function drawSteps(canvas: CanvasRenderingContext2D, { scale, width, height, steps, colors: paint }: Scene): void {
  canvas.lineWidth = 1;
  let free = -Infinity;
  steps.forEach((step, place) => {
    const x = scale(step.at_s);
    if (x < -8 || x > width + 8) return;
    canvas.strokeStyle = paint["fail"]!;
    canvas.setLineDash([3, 3]);
    canvas.beginPath();
    canvas.moveTo(Math.round(x) + 0.5, AXIS);
    canvas.lineTo(Math.round(x) + 0.5, height);
    canvas.stroke();
    canvas.setLineDash([]);
    const at = Math.max(x, free + 15);
    free = at;
    canvas.fillStyle = paint["fail"]!;
    canvas.beginPath();
    canvas.arc(at, AXIS - 1, 7.5, 0, 7);
    canvas.fill();
    canvas.fillStyle = "#fff";
    canvas.textAlign = "center";
    canvas.fillText(String(place + 1), at, AXIS - 0.5);
    canvas.textAlign = "start";
  });
}

/** The lanes in which something happened, without the lab's own traffic unless that is wanted. */
export function shownLanes(timeline: Timeline, own: boolean): Lane[] {
  const lanes = timeline.lanes.map((lane) => {
    if (own) return lane;
    const spans = lane.spans.filter((span) => span.kind !== "sentinel");
    return { ...lane, spans, marks: lane.marks.filter((mark) => mark.kind !== "sentinel") };
  });
  if (timeline.messages.length) lanes.push(sipLane(timeline.messages));
  return lanes.filter((lane) => lane.spans.length || lane.marks.length || lane.kind === "probes");
}

export function hasOwn(timeline: Timeline): boolean {
  return timeline.lanes.some((lane) => [...lane.spans, ...lane.marks].some((each) => each.kind === "sentinel"));
}

/** A lane of the SIP messages, so that lanes and ladder can be seen together. */
function sipLane(messages: Message[]): Lane {
  const marks = messages
    .filter((message) => message.kind === "sip")
    .map((message) => ({
      at_s: message.at_s,
      kind: message.lost ? "lost" : "sent",
      text: `${message.from} → ${message.to}: ${message.first}${message.lost ? ", lost" : ""}`,
      evidence: message.evidence,
    }));
  return { id: "sip", kind: "sip", title: "SIP messages", spans: [], marks };
}
