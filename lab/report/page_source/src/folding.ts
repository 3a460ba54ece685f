// Folds the ladder: retransmissions, keep-alives, TLS handshakes and what TCP did, each into a line until it is opened.

import type { Message } from "./data";

export type Fold = "repeats" | "keep-alive" | "tls" | "tcp";

export const FOLDS: { fold: Fold; title: string; one: string; many: string }[] = [
  { fold: "repeats", title: "retransmissions", one: "retransmission", many: "retransmissions" },
  { fold: "keep-alive", title: "keep-alives", one: "keep-alive", many: "keep-alives" },
  { fold: "tls", title: "TLS handshakes", one: "TLS handshake", many: "TLS handshakes" },
  { fold: "tcp", title: "TCP", one: "TCP event", many: "TCP events" },
];

export type Line =
  | { kind: "message"; index: number; message: Message }
  | { kind: "fold"; fold: Fold; key: string; members: number[]; first: Message; last: Message };

function foldOf(message: Message): Fold | null {
  if (message.repeats !== null) return "repeats";
  return message.kind === "sip" ? null : message.kind;
}

/** Returns the lines of the ladder. `open`: the folds, and single groups by their keys, that are not folded. */
export function folded(messages: Message[], open: ReadonlySet<string>): Line[] {
  const lines: Line[] = [];
  messages.forEach((message, index) => {
    const fold = foldOf(message);
    if (fold === null || open.has(fold)) {
      lines.push({ kind: "message", index, message });
      return;
    }
    const last = lines[lines.length - 1];
    if (last?.kind === "fold" && last.fold === fold) {
      last.members.push(index);
      last.last = message;
    } else {
      lines.push({ kind: "fold", fold, key: `${fold}:${index}`, members: [index], first: message, last: message });
    }
  });
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
