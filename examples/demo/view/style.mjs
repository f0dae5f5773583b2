/** @typedef {"bold" | "dim" | "red" | "green" | "yellow" | "cyan"} Style */

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** Puts text into colours, or leaves it as it is. */
export class Paint {
  /** @param {boolean} isColourful */
  constructor(isColourful) {
    this.isColourful = isColourful;
  }

  /**
   * @param {Style} style
   * @param {string} text
   */
  apply(style, text) {
    return this.isColourful ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
  }
}

/** @param {number} value */
export function count(value) {
  return Math.round(value).toLocaleString("en-US");
}

/**
 * A bar of blocks, filled to the eighth.
 *
 * @param {number} share from 0 to 1
 * @param {number} width in columns
 */
export function bar(share, width) {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const part = eighths % 8 === 0 ? "" : " ▏▎▍▌▋▊▉"[eighths % 8];
  const full = "█".repeat(Math.floor(eighths / 8)) + part;
  return { full, rest: "░".repeat(width - full.length) };
}
