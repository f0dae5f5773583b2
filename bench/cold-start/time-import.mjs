// Prints how long an import takes in this fresh process, in milliseconds. A second argument is imported before, so
// that what both need is not counted.

const [, , specifier = "", before] = process.argv;
if (before !== undefined) await import(before);
const startedAt = process.hrtime.bigint();
await import(specifier);
process.stdout.write(String(Number(process.hrtime.bigint() - startedAt) / 1e6));
