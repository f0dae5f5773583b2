import { ReplyScanner } from "resp-framing";

/** Makes one reply of those to the parts of a command, in the order of the parts. */
export type Merge = (frames: readonly Buffer[]) => Buffer;

const MINUS = 45;

/** The first error, as a whole command would have failed. */
function orError(merge: Merge): Merge {
  return (frames) => frames.find((frame) => frame[0] === MINUS || frame[0] === 33) ?? merge(frames);
}

/** They all say the same. */
export const first: Merge = orError((frames) => frames[0] ?? Buffer.alloc(0));

/** Integers, added up. */
export const sum: Merge = orError((frames) =>
  Buffer.from(`:${frames.reduce((total, frame) => total + integerIn(frame), 0n)}\r\n`),
);

/** Lists, one behind the other; each element once where it is wanted. */
export function concatenated(isDistinct = false): Merge {
  return orError((frames) => {
    const elements = frames.flatMap((frame) => [...elementsOf(frame)]);
    const wanted = isDistinct
      ? [...new Map(elements.map((element) => [element.toString("latin1"), element])).values()]
      : elements;
    return listOf(wanted, frames[0]?.[0]);
  });
}

/** Lists of integers, of which the smallest in each place counts: yes where all say yes. */
export const smallest: Merge = orError((frames) => {
  const lists = frames.map((frame) => [...elementsOf(frame)]);
  const [one = []] = lists;
  return listOf(
    one.map((element, at) => lists.map((list) => list[at] ?? element).reduce(lesser)),
    frames[0]?.[0],
  );
});

/** Names with a count each, in the same order in all: the counts are added up. */
export const counts: Merge = orError((frames) => {
  const lists = frames.map((frame) => [...elementsOf(frame)]);
  const [one = []] = lists;
  return listOf(
    one.map((element, at) => (at % 2 === 0 ? element : sum(lists.map((list) => list[at] ?? element)))),
    frames[0]?.[0],
  );
});

/** One of those that are not null. */
export function anyOf(random: () => number): Merge {
  return orError((frames) => {
    const found = frames.filter((frame) => frame[0] === 36 && frame[1] !== MINUS);
    return found[Math.floor(random() * found.length)] ?? frames[0] ?? Buffer.alloc(0);
  });
}

/**
 * Lists with one element for each key of a part, put back into the order of all keys.
 *
 * @param places for each part, where the elements of its list belong
 */
export function interleaved(places: readonly (readonly number[])[]): Merge {
  return orError((frames) => {
    const elements: Buffer[] = [];
    for (const [part, frame] of frames.entries()) {
      let at = 0;
      for (const element of elementsOf(frame)) {
        const place = places[part]?.[at];
        if (place !== undefined) elements[place] = element;
        at += 1;
      }
    }
    return listOf(elements, frames[0]?.[0]);
  });
}

/** The elements of a list or a set, as they are. */
export function* elementsOf(frame: Buffer): Generator<Buffer> {
  const scanner = new ReplyScanner();
  let at = frame.indexOf("\r\n") + 2;
  while (at < frame.length) {
    const end = scanner.scanFrame(frame, at);
    yield frame.subarray(at, end);
    at = end;
  }
}

/** A list of these elements, of the type that the server has used. */
export function listOf(elements: readonly Buffer[], type = 42): Buffer {
  return Buffer.concat([Buffer.from(`${String.fromCharCode(type)}${elements.length}\r\n`), ...elements]);
}

function integerIn(frame: Buffer): bigint {
  const text = frame.toString("latin1", 1, frame.indexOf("\r\n"));
  return /^-?\d+$/.test(text) ? BigInt(text) : 0n;
}

function lesser(one: Buffer, other: Buffer): Buffer {
  return integerIn(other) < integerIn(one) ? other : one;
}
