/** How a text for a terminal, or for a log, looks. */
export interface TextStyle {
  /** Colours and symbols; without them, words. */
  readonly colours: boolean;
  /** Width in characters. */
  readonly columns: number;
  /** With the facts of each step. @default false */
  readonly verbose?: boolean | undefined;
}

export type Tone = "good" | "doubtful" | "bad" | "quiet" | "strong";

const CODES: Readonly<Record<Tone, readonly [on: number, off: number]>> = {
  good: [32, 39],
  doubtful: [33, 39],
  bad: [31, 39],
  quiet: [2, 22],
  strong: [1, 22],
};

export function paint(text: string, tone: Tone, { colours }: TextStyle): string {
  const [on, off] = CODES[tone];
  return colours ? `\u001B[${on}m${text}\u001B[${off}m` : text;
}

/** Cuts a line that is too long, unless all is asked for. */
export function fit(line: string, { columns, verbose = false }: TextStyle): string {
  if (verbose || line.length <= columns) return line;
  return `${line.slice(0, Math.max(0, columns - 1))}…`;
}

/** Breaks a text between words; the lines after the first begin with the indent. */
export function wrap(text: string, { columns }: TextStyle, indent = ""): string[] {
  const lines: string[] = [];
  let line = /^\s*/.exec(text)?.[0] ?? "";
  for (const word of text.trim().split(/\s+/)) {
    if (line.trim() !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = `${indent}${word}`;
    } else {
      line += line.trim() === "" ? word : ` ${word}`;
    }
  }
  return [...lines, line];
}
