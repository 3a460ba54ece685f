// Numbers and times in words, as the other reports write them.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function count(value: number): string {
  return whole.format(value);
}

export function fixed(value: number, digits: number): string {
  const text = value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return /^-[0.]*$/.test(text) ? text.slice(1) : text;
}

/** A number per hour or day: an app may wake up twice in a night. */
export function rate(value: number | null): string {
  if (value === null) return "";
  return value > 0 && value < 10 && !Number.isInteger(value) ? fixed(value, 1) : count(value);
}

/** A moment, with as many digits as tell it from its neighbours `step` seconds away. */
export function moment(seconds: number, step = 0.1): string {
  const digits = Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return `${fixed(seconds, digits)} s`;
}

export function percent(share: number): string {
  const value = 100 * share;
  return `${value > 0 && value < 100 ? fixed(value, 1) : count(value)} %`;
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** Seconds of a long time also as hours and minutes. */
export function human(seconds: number): string {
  const size = Math.abs(seconds);
  if (size < 120) return "";
  const minutes = Math.floor(size / 60);
  const hours = Math.floor(minutes / 60);
  const sign = seconds < 0 ? "−" : "";
  return hours ? `${sign}${hours} h ${minutes % 60} min` : `${sign}${minutes} min ${Math.floor(size % 60)} s`;
}
