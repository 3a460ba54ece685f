// Folds the ladder: retransmissions, keep-alives, and what TLS and TCP did, each into a line until it is opened.

import type { Message, Timeline } from "./data";
import { fixed, plural } from "./format";

export type Fold = "repeats" | "keep-alive" | "tls" | "tcp";

export const FOLDS: { fold: Fold; title: string }[] = [
  { fold: "repeats", title: "retransmissions" },
  { fold: "keep-alive", title: "keep-alives" },
  { fold: "tls", title: "TLS" },
  { fold: "tcp", title: "TCP" },
];

/** What stands between the messages: a probe and its fate, the beginning or the end of a fault. */
export interface Note {
  at_s: number;
  text: string;
  tone: "pass" | "fail" | "inconclusive" | "fault";
}

export interface Folded {
  kind: "fold";
  group: string;
  key: string;
  members: number[];
  messages: Message[];
}

export type Line = { kind: "message"; index: number; message: Message } | Folded | { kind: "note"; note: Note };

export function timeOf(line: Line): number {
  if (line.kind === "note") return line.note.at_s;
  return line.kind === "message" ? line.message.at_s : line.messages[0]!.at_s;
}

/** When the last thing of a line happened. */
export function endOf(line: Line): number {
  return line.kind === "fold" ? line.messages[line.messages.length - 1]!.at_s : timeOf(line);
}

export function foldOf(message: Message): Fold | null {
  if (message.repeats !== null) return "repeats";
  return message.kind === "sip" ? null : message.kind;
}

/** TLS and TCP take turns when a connection begins or ends, so they are folded together. */
const GROUP: Record<Fold, string> = { repeats: "repeats", "keep-alive": "keep-alive", tls: "transport", tcp: "transport" };

export function notes(timeline: Timeline): Note[] {
  const found: Note[] = [];
  for (const lane of timeline.lanes) {
    if (lane.kind === "probes") {
      for (const mark of lane.marks) {
        const tone = mark.kind.endsWith("answered") ? "pass" : mark.kind.endsWith("lost") ? "fail" : "inconclusive";
        found.push({ at_s: mark.at_s, text: mark.text, tone });
      }
    } else if (lane.kind === "faults") {
      for (const span of lane.spans) {
        found.push({ at_s: span.from_s, text: `fault: ${span.text || span.kind}`, tone: "fault" });
        if (span.to_s !== null && span.to_s > span.from_s) {
          found.push({ at_s: span.to_s, text: `fault over: ${span.kind}`, tone: "fault" });
        }
      }
    }
  }
  return found.sort((a, b) => a.at_s - b.at_s);
}

/** Returns the lines of the ladder. `open`: the folds, and single groups by their keys, that are not folded. */
export function folded(messages: Message[], between: Note[], open: ReadonlySet<string>): Line[] {
  const lines: Line[] = [];
  let next = 0;
  messages.forEach((message, index) => {
    for (; next < between.length && between[next]!.at_s <= message.at_s; next += 1) {
      lines.push({ kind: "note", note: between[next]! });
    }
    const fold = foldOf(message);
    if (fold === null || open.has(fold)) {
      lines.push({ kind: "message", index, message });
      return;
    }
    const last = lines[lines.length - 1];
    if (last?.kind === "fold" && last.group === GROUP[fold]) {
      last.members.push(index);
      last.messages.push(message);
    } else {
      lines.push({ kind: "fold", group: GROUP[fold], key: `${GROUP[fold]}:${index}`, members: [index], messages: [message] });
    }
  });
  for (; next < between.length; next += 1) lines.push({ kind: "note", note: between[next]! });
  return lines.flatMap((line) =>
    line.kind === "fold" && open.has(line.key)
      ? line.members.map((index) => ({ kind: "message" as const, index, message: messages[index]! }))
      : [line],
  );
}

/** A message in a few words: a request's method, a response's code and reason, with the number of its request. */
export function short(message: Message): string {
  if (message.kind !== "sip") return message.first;
  const response = /^SIP\/2\.0 (\d{3} ?.*)$/.exec(message.first);
  const method = message.cseq.split(" ")[1] ?? "";
  if (response) return `${response[1]!.trim()}${method ? ` (${method})` : ""}`;
  return message.first.split(" ")[0] ?? message.first;
}

/** A folded line in a few words. */
export function foldText(line: Folded): string {
  const number = line.members.length;
  const over = endOf(line) - timeOf(line);
  const during = over >= 1 && number > 1 ? ` in ${fixed(over, 0)} s` : "";
  if (line.group === "repeats") {
    const repeated = [...new Set(line.messages.filter((message) => message.kind === "sip").map(short))].join(", ");
    return repeated
      ? `${plural(number, "retransmission")}: ${repeated}${during}`
      : `${plural(number, "retransmission")} by TCP${during}`;
  }
  if (line.group === "keep-alive") return `${number === 1 ? line.messages[0]!.first : plural(number, "keep-alive")}${during}`;
  const steps = line.messages.map((message) => message.first.replace(/, [\d,]+ bytes?$/, ""));
  return [...new Set(steps)].join(" · ");
}
