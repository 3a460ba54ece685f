// A device that sleeps: what rings, how late, and at how many wake-ups; strategies downwards, other axes across.

import type { CellLine, Device, Overview } from "./data";
import { moment, rate } from "./format";
import { label } from "./matrix";
import { cellAddress } from "./state";
import type { State } from "./state";
import { columnOf } from "./table";
import type { Row } from "./table";

export interface DeviceColumn {
  name: string;
  title: string;
  value: (device: Device) => number | null;
  text: (device: Device) => string;
}

const seconds = (value: number | null) => (value === null ? "" : moment(value));

function column(name: keyof Device, title: string, text: (value: number | null) => string): DeviceColumn {
  return { name, title, value: (device) => device[name], text: (device) => text(device[name]) };
}

export const DEVICE_COLUMNS: DeviceColumn[] = [
  {
    name: "missed",
    title: "calls missed",
    value: (device) => (device.calls ? device.missed / device.calls : null),
    text: (device) => (device.calls ? `${device.missed}/${device.calls}` : ""),
  },
  column("ringing_p50_s", "rings after, p50", seconds),
  column("ringing_worst_s", "rings after, worst", seconds),
  column("pushes", "pushes", rate),
  column("app_wakeups_per_hour", "app wake-ups/h", rate),
  column("radio_wakeups_per_hour", "radio wake-ups/h", rate),
  column("registrations_per_day", "registrations/day", rate),
];

const IN_SHORT = ["missed", "ringing_worst_s", "app_wakeups_per_hour", "radio_wakeups_per_hour"];
const HEADS = ["missed", "worst", "app/h", "radio/h"];

export function DeviceMatrix({ run, rows, state }: { run: Overview; rows: Row[]; state: State }) {
  const shown = new Set(rows.flatMap((row) => [...row.cells.keys()]));
  const columns = [...new Set(run.cells.map((cell) => columnOf(run, cell)))].filter((each) => shown.has(each));
  const figures = IN_SHORT.map((name) => DEVICE_COLUMNS.find((each) => each.name === name)!);
  const field = (cell: CellLine | undefined, which: DeviceColumn, first: boolean) => {
    const text = cell?.device ? which.text(cell.device) : "";
    return (
      <td class={first ? "number first" : "number"}>
        {first && cell ? (
          <a class={cell.verdict} href={cellAddress(state, cell.name)} title={label(cell)}>
            {text || cell.sign}
          </a>
        ) : (
          text
        )}
      </td>
    );
  };
  if (!rows.length) return null;
  return (
    <section class="device-part" aria-label="Calls and wake-ups">
      <h2>What rings, how late, and at how many wake-ups</h2>
      <div class="wide">
        <table class="devices">
          <thead>
            <tr>
              <th scope="col" rowSpan={2}>
                {run.row_axis}
              </th>
              {columns.map((each) => (
                <th scope="colgroup" colSpan={figures.length} class="first">
                  {each}
                </th>
              ))}
            </tr>
            <tr>
              {columns.flatMap(() =>
                HEADS.map((head, place) => (
                  <th scope="col" class={place ? "number" : "number first"}>
                    {head}
                  </th>
                )),
              )}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.label}>
                <th scope="row">{row.label}</th>
                {columns.flatMap((each) => figures.map((which, place) => field(row.cells.get(each), which, place === 0)))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="small">
        Missed: calls that were not accepted in time. Worst: the longest time from INVITE to ringing, of the calls that
        rang. App, radio: wake-ups per hour of the app’s process and of the radio in the cell itself, calls included.
        Empty: not measured, or never.
      </p>
    </section>
  );
}
