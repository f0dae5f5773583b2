import { type Html, html } from "../html.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** A size for humans: `12.1 KiB`. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1_024 && unit < UNITS.length - 1; unit++) value /= 1_024;
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** A number with its noun: `1 client`, `3,000 clients`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-GB")} ${noun}${count === 1 ? "" : "s"}`;
}

/** An instant: the time of day in UTC, with the date where it is another day than `nowMs`. */
export function time(atMs: number, nowMs: number): Html {
  const iso = new Date(atMs).toISOString();
  const isToday = iso.slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10);
  const text = isToday ? iso.slice(11, 19) : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
  return html`<time datetime="${iso}">${text}</time>`;
}

/** A part of an element's id, of any text. */
export function idOf(text: string): string {
  return text.replaceAll(/[^\w-]+/g, "-");
}
