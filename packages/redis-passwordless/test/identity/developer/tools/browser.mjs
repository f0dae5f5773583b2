// Stands in for the browser that `open` starts: fetches the address that it is given and follows the redirects, the
// last of which leads to the program that waits for its user. A browser has no exit code for pages; by one, `xdg-open`
// would take it for a browser that does not work, and start it again.

const [, , url = ""] = process.argv;
try {
  const page = await fetch(url);
  if (!page.ok) process.stderr.write(`${page.status} ${await page.text()}\n`);
} catch (error) {
  // The program may close its end as soon as it has heard what it waited for.
  process.stderr.write(`${String(error)}\n`);
}
