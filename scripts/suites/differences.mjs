/** @typedef {import("./redis-suite.mjs").TestResult} TestResult */
/** @typedef {{ test: string, direct: string, proxied: string, reason: string | undefined }} Difference */

/**
 * Why tests have another outcome through the proxy; everything else is a fault.
 *
 * @type {readonly { of: RegExp, reason: string }[]}
 */
const KNOWN = [
  {
    of: /SYNC and PSYNC are invalid with pending output/,
    reason: "reads the stream of replication, which cannot be kept logged in; Azure allows it to nobody",
  },
  {
    of: /^unit\/scripting: Script ACL check$/,
    reason: "logs in as another user; AUTH is answered by the proxy",
  },
  {
    of: /^unit\/other: RESET clears authenticated state$/,
    reason: "logs in as another user; AUTH is answered by the proxy",
  },
  {
    of: /^unit\/multi: (MULTI|EXEC|just EXEC) and script timeout$/,
    reason: "begins or ends a transaction while the server refuses everything: the connection ends",
  },
  {
    of: /^unit\/slowlog: SLOWLOG - Rewritten commands are logged as their original command$/,
    reason: "logs every command, and takes a PING of the proxy for its own",
  },
  {
    of: /^unit\/type\/stream-cgroups: Blocking XREAD: key type changed with SET$/,
    reason: "does not wait for one client to be blocked before another acts: what comes first is chance",
  },
];

/**
 * Tests of one part of a suite that have not the same outcome.
 *
 * @param {string} unit
 * @param {readonly TestResult[]} direct
 * @param {readonly TestResult[]} proxied
 * @returns {Difference[]}
 */
export function differences(unit, direct, proxied) {
  const expected = byName(direct);
  const actual = byName(proxied);
  return [...new Set([...expected.keys(), ...actual.keys()])].flatMap((name) => {
    const before = expected.get(name);
    const after = actual.get(name);
    if (before?.outcome === after?.outcome) return [];
    const test = `${unit}: ${name}`;
    const said = `${before?.details ?? ""}${after?.details ?? ""}`;
    const known = KNOWN.find(({ of }) => of.test(test.replace(/ #\d+$/, "")) || of.test(said));
    const reason = known?.reason;
    return [{ test, direct: before?.outcome ?? "absent", proxied: after?.outcome ?? "absent", reason }];
  });
}

/**
 * Names come more than once: each has its number.
 *
 * @param {readonly TestResult[]} results
 */
function byName(results) {
  /** @type {Map<string, TestResult>} */
  const named = new Map();
  for (const result of results) {
    let name = result.name;
    for (let number = 2; named.has(name); number += 1) name = `${result.name} #${number}`;
    named.set(name, result);
  }
  return named;
}
