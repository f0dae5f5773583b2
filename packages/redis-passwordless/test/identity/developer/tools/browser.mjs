// Stands in for the browser that `open` starts: fetches the address that it is given and follows the redirects, the
// last of which leads to the program that waits for its user.

const [, , url = ""] = process.argv;
const page = await fetch(url);
if (!page.ok) throw new Error(`${page.status} ${await page.text()}`);
