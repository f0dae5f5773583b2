import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Where most of the time is spent waiting: for tokens to end, for clusters to form, for processes to start. */
const WAITING =
  /\/(adapters|developer|diagnose|examples|one-call|package|proxy|readme|shipped|topology|cluster|cli|product)\//;

/** Short files that take long. Last in line, one of them would keep a single core busy at the end. */
const LONG_FOR_THEIR_SIZE =
  /\/(sentinel|declarations|rotation|examples|any-cache|interactive|main)\.test\.ts$/;

/** Spreads the tests that need a core among those that wait, so that neither come all at once. */
class Mixed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // The longest first, as far as their length is known from the last run; else the largest.
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => LONG_FOR_THEIR_SIZE.test(moduleId);
    const longFirst = [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
    const [waiting, busy] = [true, false].map((waits) =>
      longFirst.filter(({ moduleId }) => WAITING.test(moduleId) === waits),
    ) as [TestSpecification[], TestSpecification[]];
    const position = new Map(
      [waiting, busy].flatMap((group) => group.map((file, index) => [file, (index + 0.5) / group.length])),
    );
    return [...waiting, ...busy].sort((a, b) => position.get(a)! - position.get(b)!);
  }
}

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Tests of one file may run side by side (`describe.concurrent`), each with a cache of its own. As they wait most
    // of the time, two cores carry this many.
    maxWorkers: 3,
    maxConcurrency: 4,
    sequence: { sequencer: Mixed },
    // What is built needs no transformation: tests of the library load the emulator as its users do.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
});
