// Ticks of a time axis, from hours to microseconds.

import { ticks as decimal } from "d3-array";

import { moment } from "./format";

const LONG = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400]; // seconds that people count in

export interface Tick {
  at: number;
  text: string;
}

export function timeTicks(from: number, to: number, number: number): Tick[] {
  const rough = (to - from) / Math.max(1, number);
  if (rough >= 45) {
    const step = LONG.find((each) => each >= rough) ?? Math.ceil(rough / 86400) * 86400;
    const found: Tick[] = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push({ at, text: moment(at, 1) });
    return found;
  }
  const found = decimal(from, to, Math.max(1, number));
  const step = found.length > 1 ? found[1]! - found[0]! : to - from;
  return found.map((at) => ({ at, text: moment(at, step) }));
}
