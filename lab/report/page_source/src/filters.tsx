// The filters of the overview: verdict, cause, each axis, text.

import type { Overview } from "./data";
import { change } from "./state";
import type { State } from "./state";
import { isFiltered, VERDICTS } from "./table";

function toggled(list: string[], value: string): string[] {
  return list.includes(value) ? list.filter((each) => each !== value) : [...list, value];
}

interface MenuProps {
  title: string;
  values: string[];
  chosen: string[];
  hints?: Record<string, string>;
  choose: (chosen: string[]) => void;
}

function Menu({ title, values, chosen, hints, choose }: MenuProps) {
  const shown = chosen.length === 1 ? chosen[0] : chosen.length ? `${chosen.length} chosen` : "all";
  const leave = (event: FocusEvent) => {
    const menu = event.currentTarget as HTMLDetailsElement;
    if (event.relatedTarget && !menu.contains(event.relatedTarget as Node)) menu.open = false;
  };
  const escape = (event: KeyboardEvent) => {
    const menu = event.currentTarget as HTMLDetailsElement;
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  };
  return (
    <details class="menu" onFocusOut={leave} onKeyDown={escape}>
      <summary class={chosen.length ? "chosen" : ""}>
        {title}: <span>{shown}</span>
      </summary>
      <fieldset>
        <legend class="unseen">{title}</legend>
        {values.map((value) => (
          <label title={hints?.[value]}>
            <input type="checkbox" checked={chosen.includes(value)} onChange={() => choose(toggled(chosen, value))} />{" "}
            {value}
          </label>
        ))}
      </fieldset>
    </details>
  );
}

export function Filters({ run, state }: { run: Overview; state: State }) {
  const verdicts = VERDICTS.filter((verdict) => run.cells.some((cell) => cell.verdict === verdict));
  const causes = Object.keys(run.causes);
  return (
    <form class="filters no-print" role="search" onSubmit={(event) => event.preventDefault()}>
      <input
        type="search"
        placeholder="Filter by text"
        aria-label="Filter by text"
        value={state.text}
        onInput={(event) => change(state, { text: event.currentTarget.value }, true)}
      />
      {verdicts.length > 1 && (
        <span class="buttons" role="group" aria-label="verdict">
          {verdicts.map((verdict) => (
            <button
              type="button"
              class={`chip ${verdict}`}
              aria-pressed={state.verdict.includes(verdict)}
              onClick={() => change(state, { verdict: toggled(state.verdict, verdict) })}
            >
              {verdict}
            </button>
          ))}
        </span>
      )}
      {causes.length > 0 && (
        <Menu
          title="cause"
          values={causes}
          hints={run.causes}
          chosen={state.cause}
          choose={(cause) => change(state, { cause })}
        />
      )}
      {run.axes
        .filter((axis) => axis.labels.length > 1)
        .map((axis) => (
          <Menu
            title={axis.name}
            values={axis.labels}
            chosen={state.axes[axis.name] ?? []}
            choose={(labels) => change(state, { axes: { ...state.axes, [axis.name]: labels } })}
          />
        ))}
      {isFiltered(state) && (
        <button
          type="button"
          class="plain"
          onClick={() => change(state, { verdict: [], cause: [], axes: {}, text: "" })}
        >
          clear
        </button>
      )}
    </form>
  );
}
