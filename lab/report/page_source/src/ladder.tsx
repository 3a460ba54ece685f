// The SIP ladder: who sent what to whom, each message readable in full.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Message } from "./data";
import { endOf, folded, FOLDS, foldOf, foldText, short, timeOf } from "./folding";
import type { Folded, Line, Note } from "./folding";
import { fixed, moment } from "./format";

const ROW = 34;
const BEYOND = 8; // rows that are made above and below those that are seen
const QUIET = 3; // seconds between two messages that are said

interface LadderProps {
  messages: Message[];
  notes: Note[];
  at: number | null; // where to jump
  look: (at: number) => void; // of a message that was opened
}

function participants(messages: Message[]): string[] {
  const names = [...new Set(messages.flatMap((message) => [message.from, message.to]))];
  const place = (name: string) => (name.startsWith("client") ? 0 : name.startsWith("server") ? 2 : 1);
  return names.sort((a, b) => place(a) - place(b));
}

function Arrow({ line, names }: { line: Line & { kind: "message" } | Folded; names: string[] }) {
  const message = line.kind === "message" ? line.message : line.messages[0]!;
  const share = (name: string) => `${(100 * (names.indexOf(name) + 0.5)) / names.length}%`;
  const rightwards = names.indexOf(message.to) >= names.indexOf(message.from);
  const lost = line.kind === "message" && message.lost === true;
  const [from, to] = [names.indexOf(message.from), names.indexOf(message.to)];
  const end = lost ? from + (to - from) * 0.6 : to;
  const x = `${(100 * (end + 0.5)) / names.length}%`;
  const text = line.kind === "message" ? short(message) : `▸ ${foldText(line)}`;
  const folds = line.kind === "fold";
  const left = folds ? "0" : `${(100 * (Math.min(from, to) + 0.5)) / names.length}%`;
  const size = folds ? "100%" : `${(100 * Math.max(1, Math.abs(to - from))) / names.length}%`;
  return (
    <span class="wire">
      <svg class="arrows" aria-hidden="true">
        {names.map((name) => (
          <line class="life" x1={share(name)} x2={share(name)} y1="0" y2={ROW} />
        ))}
        {line.kind === "message" && (
          <>
            <line class="arrow" x1={share(message.from)} x2={x} y1={ROW - 9} y2={ROW - 9} />
            <svg x={x} y={ROW - 9} overflow="visible">
              <path class="arrow" d={lost ? "M-4,-4 L4,4 M4,-4 L-4,4" : rightwards ? "M-7,-4 L0,0 L-7,4" : "M7,-4 L0,0 L7,4"} />
            </svg>
          </>
        )}
      </svg>
      <span class="words" style={{ left, width: size }}>
        <span>
          {text}
          {line.kind === "message" && message.repeats !== null && <em> again</em>}
          {lost && <em> lost</em>}
        </span>
        {line.kind === "message" && (
          <span class="unseen">
            {message.from} to {message.to}
          </span>
        )}
      </span>
    </span>
  );
}

function Opened({ message, close }: { message: Message; close: () => void }) {
  const took = message.arrived_s === null ? null : message.arrived_s - message.at_s;
  return (
    <div class="opened" role="region" aria-label="Message">
      <p>
        <strong>{message.first}</strong>
        <button type="button" class="plain no-print" onClick={close} aria-label="close the message">
          ✕
        </button>
      </p>
      <p class="small">
        {message.from} → {message.to} at {moment(message.at_s, 0.000001)}
        {message.lost ? ", did not arrive" : took === null ? "" : `, arrived ${fixed(took * 1000, 1)} ms later`}
        {message.flow && `, flow ${message.flow}`}
        {message.repeats !== null && ", a retransmission"}
        {message.evidence.length > 0 && `; ${message.evidence.length === 1 ? "line" : "lines"} ${message.evidence.join(", ")} of the record`}
      </p>
      {message.text && <pre tabIndex={0}>{message.text}</pre>}
    </div>
  );
}

function classes(line: Line, chosen: boolean, target: boolean): string {
  const message = line.kind === "message" ? line.message : null;
  const found = ["row", line.kind, message?.kind ?? "", message?.lost ? "lost" : "", chosen ? "chosen" : "", target ? "target" : ""];
  return found.filter(Boolean).join(" ");
}

function keyOf(line: Line): string {
  if (line.kind === "note") return `note:${line.note.at_s}:${line.note.text}`;
  return line.kind === "fold" ? line.key : `message:${line.index}`;
}

export function Ladder({ messages, notes, at, look }: LadderProps) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState<number | null>(null);
  const [top, setTop] = useState(0);
  const [room, setRoom] = useState(600);
  const box = useRef<HTMLDivElement>(null);
  const names = useMemo(() => participants(messages), [messages]);
  const lines = useMemo(() => folded(messages, notes, open), [messages, notes, open]);
  const [printing, setPrinting] = useState(false);
  const first = printing ? 0 : Math.max(0, Math.floor(top / ROW) - BEYOND);
  const last = printing ? lines.length : Math.min(lines.length, Math.ceil((top + room) / ROW) + BEYOND);

  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setRoom(box.current!.clientHeight));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const [before, after] = [() => setPrinting(true), () => setPrinting(false)];
    window.addEventListener("beforeprint", before);
    window.addEventListener("afterprint", after);
    return () => {
      window.removeEventListener("beforeprint", before);
      window.removeEventListener("afterprint", after);
    };
  }, []);

  useEffect(() => {
    if (at === null) return;
    const near = lines.findIndex((line) => timeOf(line) >= at - 0.0005);
    const line = near < 0 ? lines.length - 1 : near;
    box.current!.scrollTop = Math.max(0, line * ROW - box.current!.clientHeight / 3);
  }, [at]);

  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  const press = (line: Line) => {
    if (line.kind === "fold") {
      toggle(line.key);
    } else if (line.kind === "note") {
      look(line.note.at_s);
    } else {
      setChosen(line.index === chosen ? null : line.index);
      if (line.index !== chosen) look(line.message.at_s);
    }
  };
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...box.current!.querySelectorAll<HTMLButtonElement>("button.row")];
    const place = buttons.indexOf(document.activeElement as HTMLButtonElement);
    event.preventDefault();
    buttons[place + step]?.focus();
  };
  const present = FOLDS.filter(({ fold }) => messages.some((message) => foldOf(message) === fold));
  const message = chosen === null ? undefined : messages[chosen];
  const target = at === null ? -1 : lines.findIndex((line) => timeOf(line) >= at - 0.0005);
  return (
    <section class="ladder" aria-label="SIP ladder">
      <h2>SIP ladder</h2>
      {present.length > 0 && (
        <p class="buttons no-print" role="group" aria-label="show">
          {present.map(({ fold, title }) => (
            <button type="button" class="chip" aria-pressed={open.has(fold)} onClick={() => toggle(fold)}>
              {title}
            </button>
          ))}
        </p>
      )}
      <div class="names" aria-hidden="true">
        {names.map((name) => (
          <span>{name}</span>
        ))}
      </div>
      <div class="rows" ref={box} onScroll={(event) => setTop(event.currentTarget.scrollTop)} onKeyDown={keys} role="list" tabIndex={-1}>
        <div class="sizer" style={{ height: `${lines.length * ROW}px` }}>
          {lines.slice(first, last).map((line, offset) => {
            const place = first + offset;
            const before = lines[place - 1];
            const gap = before ? timeOf(line) - endOf(before) : 0;
            return (
              <div role="listitem" aria-setsize={lines.length} aria-posinset={place + 1} key={keyOf(line)}>
                <button
                  type="button"
                  class={classes(line, line.kind === "message" && line.index === chosen, place === target)}
                  style={{ top: `${place * ROW}px` }}
                  aria-expanded={line.kind === "note" ? undefined : line.kind === "message" && line.index === chosen}
                  onClick={() => press(line)}
                >
                  <span class="time">
                    {moment(timeOf(line), 0.001)}
                    {gap >= QUIET && <span class="gap">+{fixed(gap, 1)} s</span>}
                  </span>
                  {line.kind === "note" ? <span class={`note-text ${line.note.tone}`} title={line.note.text}>{line.note.text}</span> : <Arrow line={line} names={names} />}
                </button>
              </div>
            );
          })}
        </div>
      </div>
      {message && <Opened message={message} close={() => setChosen(null)} />}
    </section>
  );
}
