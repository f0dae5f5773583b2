/** Prints a measured figure when figures are being recorded (`RECORD=1`); see CONTRIBUTING.md. */
export function record(row: string, figures: Readonly<Record<string, unknown>>): void {
  if (process.env["RECORD"] === undefined) return;
  process.stdout.write(`\nfigure: ${row}: ${JSON.stringify(figures)}\n`);
}
