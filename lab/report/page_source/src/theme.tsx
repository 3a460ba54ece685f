// Light or dark: as the system says, or as the reader chose.

import { useEffect, useState } from "preact/hooks";

const KEY = "lab-theme";
const CHOICES = ["auto", "light", "dark"] as const;
type Choice = (typeof CHOICES)[number];
export const THEMED = "lab-theme-changed";

function remembered(): Choice {
  try {
    const choice = localStorage.getItem(KEY) as Choice | null;
    return choice && CHOICES.includes(choice) ? choice : "auto";
  } catch {
    return "auto"; // the browser keeps nothing for this page
  }
}

export function ThemeButton() {
  const [choice, setChoice] = useState<Choice>(remembered);
  useEffect(() => {
    if (choice === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // as above
    }
    window.dispatchEvent(new Event(THEMED));
  }, [choice]);
  const next = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length]!;
  return (
    <button type="button" class="theme no-print" onClick={() => setChoice(next)} title={`colors: ${choice}`}>
      <span aria-hidden="true">{choice === "dark" ? "☾" : choice === "light" ? "☀" : "◐"}</span>
      <span class="unseen">colors: {choice}; change to {next}</span>
    </button>
  );
}

/** A color of the style sheet, for canvases. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
