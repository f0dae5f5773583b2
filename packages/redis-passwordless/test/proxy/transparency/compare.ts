import { encodeCommand } from "resp-framing";
import { type Call, encodeCall, type Session } from "./corpus.js";
import type { Outcome } from "./exchange.js";
import { MASKS, masked } from "./masks.js";

/** What two worlds answered differently. */
export interface Difference {
  readonly session: string;
  /** The calls, of which one or the other was answered differently. */
  readonly calls: readonly string[];
  readonly expected: string;
  readonly actual: string;
}

/**
 * A session as it is written: behind each call a PING with a text of its own, by which its replies are found, and
 * at the end QUIT, at which the server closes.
 */
export function encodeSession(session: Session, protocol: 2 | 3, random: () => number): Buffer {
  const calls = withProtocol(session, protocol);
  return Buffer.concat([
    ...calls.flatMap((call, index) => [encodeCall(call, random), encodeCommand(["PING", boundary(index)])]),
    encodeCommand(["QUIT"]),
  ]);
}

function withProtocol({ calls }: Session, protocol: 2 | 3): readonly Call[] {
  return protocol === 2 ? calls : [{ command: "HELLO", args: ["3"] }, ...calls];
}

const boundary = (index: number): string => `boundary-7d1e-${index}`;

interface Segment {
  readonly calls: readonly Call[];
  readonly wire: string;
}

/** Cuts what came back at the boundaries; calls between which there is none (in a MULTI) stay together. */
function segmentsOf(calls: readonly Call[], received: string): Segment[] {
  const segments: Segment[] = [];
  let pending: Call[] = [];
  let at = 0;
  for (const [index, call] of calls.entries()) {
    pending.push(call);
    const text = boundary(index);
    const reply = `$${text.length}\r\n${text}\r\n`;
    const found = received.indexOf(reply, at);
    if (found < 0) continue;
    segments.push({ calls: pending, wire: received.slice(at, found) });
    pending = [];
    at = found + reply.length;
  }
  segments.push({ calls: pending, wire: received.slice(at) });
  return segments;
}

/** Where the answers of one world differ from those of the other, call by call. */
export function differences(
  session: Session,
  protocol: 2 | 3,
  expected: Outcome,
  actual: Outcome,
): readonly Difference[] {
  if (expected.received === actual.received && expected.end === actual.end && expected.end === "closed")
    return [];
  const calls = withProtocol(session, protocol);
  const [ours, theirs] = [actual, expected].map(({ received }) => segmentsOf(calls, received));
  const found: Difference[] = [];
  const lasting: string[] = [];
  for (let index = 0; index < Math.max(ours?.length ?? 0, theirs?.length ?? 0); index++) {
    const [mine, other] = [ours?.[index], theirs?.[index]];
    const commands = (other ?? mine)?.calls.map(({ command }) => command) ?? [];
    lasting.push(
      ...commands.filter((name) => MASKS.some(({ lasts, commands }) => lasts && commands.test(name))),
    );
    if (mine !== undefined && other !== undefined && mine.calls.length === other.calls.length) {
      if (mine.wire === other.wire) continue;
      const all = [...commands, ...lasting];
      if (sameWhenMasked(mine.wire, other.wire, all)) continue;
    }
    const described = (other ?? mine)?.calls.map(describeCall) ?? [];
    found.push({
      session: session.name,
      calls: described.slice(-4),
      ...apart(other?.wire ?? "(nothing)", mine?.wire ?? "(nothing)"),
    });
    // Behind a boundary that one of the two lacks, everything differs.
    if (mine?.calls.length !== other?.calls.length) break;
  }
  if (expected.end !== "closed" || actual.end !== "closed" || expected.end !== actual.end) {
    found.push({ session: session.name, calls: ["(the end)"], expected: expected.end, actual: actual.end });
  }
  return found;
}

function sameWhenMasked(one: string, other: string, commands: readonly string[]): boolean {
  try {
    return masked(one, commands) === masked(other, commands);
  } catch {
    return false;
  }
}

function describeCall({ command, args }: Call): string {
  return [command, ...args.map((arg) => JSON.stringify(arg.toString("latin1").slice(0, 30)))].join(" ");
}

/** What the clients of a scenario have read differently; the names are those of the clients. */
export function scenarioDifferences(
  expected: ReadonlyMap<string, string>,
  actual: ReadonlyMap<string, string>,
  masks: readonly string[] = [],
): readonly Difference[] {
  const names = new Set([...expected.keys(), ...actual.keys()]);
  return [...names].flatMap((name) => {
    const [other, mine] = [expected.get(name) ?? "(nobody)", actual.get(name) ?? "(nobody)"];
    if (other === mine || sameWhenMasked(mine, other, masks)) return [];
    return [{ session: name, calls: [], ...apart(other, mine) }];
  });
}

/** Both from shortly before the first byte that differs. */
function apart(expected: string, actual: string): { readonly expected: string; readonly actual: string } {
  let at = 0;
  while (at < expected.length && expected[at] === actual[at]) at++;
  const from = Math.max(0, at - 40);
  const show = (wire: string): string =>
    `@${at}/${wire.length}: ${JSON.stringify(wire.slice(from, at + 160))}`;
  return { expected: show(expected), actual: show(actual) };
}
