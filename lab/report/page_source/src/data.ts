// The data of the page: their shapes (lab/report/page/document.py, details.py, lab/timeline), and how they are unpacked.

export type Verdict = "pass" | "fail" | "inconclusive" | "unsupported" | "error";
export type CostName = "wakeups" | "packets" | "bytes" | "radio_s";

/** What matters for a device that sleeps (DeviceMetrics in lab/model/outcome.py); null: not measured, or never. */
export interface Device {
  calls: number;
  missed: number;
  ringing_p50_s: number | null;
  ringing_worst_s: number | null;
  pushes: number;
  app_wakeups_per_hour: number | null;
  radio_wakeups_per_hour: number | null;
  registrations_per_day: number | null;
}

export interface CellLine {
  name: string;
  axes: Record<string, string>;
  ends_s: number;
  transport: string;
  verdict: Verdict;
  sign: string;
  why: string;
  cause?: string | null;
  claim?: { holds: boolean; differs: string } | null;
  shared_with?: string;
  from_cache?: string;
  probes?: number;
  delivered?: number;
  outages?: [number, number | null][];
  gap?: { seconds: number; open: boolean } | null;
  reachable?: number | null;
  costs?: Record<CostName, number>;
  measured?: boolean;
  lost_in_silence?: boolean;
  device?: Device | null;
}

export interface Axis {
  name: string;
  labels: string[];
}

export interface CellChange {
  name: string;
  direction: "worse" | "better" | "other" | "noise";
  fails: boolean;
  changes: { what: string; before: string; after: string; why: string; direction: string }[];
}

export interface Comparison {
  baseline: string;
  counts: Record<string, number>;
  notes: string[];
  cells: CellChange[];
  more: number;
}

export interface Ranking {
  population: Record<string, number>;
  strategy: string | null;
  nearest: string | null;
  binding: string[];
  rule: string;
  reason: string;
  others: string[];
  strategies: {
    name: string;
    share: number;
    unknown: number;
    worst_outage_s: number | "end" | null;
    on_front: boolean;
    costs: Record<"wakeups" | "packets" | "bytes", number | null>;
  }[];
}

export interface Overview {
  lab: string;
  scenario: { name: string; file: string; title: string; why: string[]; source: { text: string; address: string }[] };
  clock: string;
  backend: string;
  seed: number | null;
  finished: boolean;
  summary: string;
  warnings: string[];
  axes: Axis[];
  row_axis: string | null;
  device: boolean;
  curve: boolean;
  rows: { label: string; outage: string }[];
  causes: Record<string, string>;
  cells: CellLine[];
  comparison: Comparison | null;
  ranking: Ranking | null;
}

export interface Step {
  at_s: number;
  text: string;
  evidence: number[];
}

export interface Span {
  from_s: number;
  to_s: number | null;
  row: string;
  kind: string;
  text: string;
  evidence: number[];
}

export interface Mark {
  at_s: number;
  kind: string;
  text: string;
  evidence: number[];
}

export interface Lane {
  id: string;
  kind: string;
  title: string;
  spans: Span[];
  marks: Mark[];
}

export interface Message {
  at_s: number;
  arrived_s: number | null;
  from: string;
  to: string;
  flow: string | null;
  kind: "sip" | "keep-alive" | "tls" | "tcp";
  first: string;
  text: string;
  cseq: string;
  call_id: string;
  repeats: number | null;
  lost: boolean | null;
  evidence: number[];
}

export interface Timeline {
  starts_s: number;
  ends_s: number;
  lanes: Lane[];
  messages: Message[];
  texts_left_out?: boolean;
}

export interface Details {
  story: string[];
  again: string;
  bundle: string;
  folder: string;
  files: { name: string; title: string; address: string }[];
  chains?: { kind: string; probe_s: number; steps: Step[] }[];
  kept_by?: Step[];
  seen_in?: string;
  probes?: { at_s: number; kind: string; answered: boolean; branches: Step[] }[];
  tried?: { at_s: number; why: string; reached: boolean | null; gap_s: number | null }[];
  figures?: { name: string; value: number; unit: string }[];
  timeline?: Timeline | null;
  left_out?: string;
}

export interface Snippet {
  language: string;
  title: string;
  code: string;
  note: string;
}

export type Settings = Record<string, Snippet[]>;

/** Reads the data of the overview, which are not packed. */
export function overview(): Overview {
  return JSON.parse(document.getElementById("overview")!.textContent!) as Overview;
}

const unpacked = new Map<string, Promise<unknown>>();
const MOST_UNPACKED = 20; // cells; those that were looked at first are thrown away

/** Unpacks the data of a part of the page: deflated JSON in base64. Undefined: the page does not have the part. */
export function part<T>(id: string): Promise<T> | undefined {
  const known = unpacked.get(id);
  if (known) return known as Promise<T>;
  const element = document.getElementById(id);
  if (!element) return undefined;
  const promise = unpack(element.textContent!.trim());
  unpacked.set(id, promise);
  if (unpacked.size > MOST_UNPACKED) unpacked.delete(unpacked.keys().next().value!);
  return promise as Promise<T>;
}

async function unpack(base64: string): Promise<unknown> {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This browser cannot unpack the page: use a version of 2023 or later.");
  }
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}
