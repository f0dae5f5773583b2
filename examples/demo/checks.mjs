import { count } from "./view/style.mjs";

/**
 * @typedef {object} Check
 * @property {boolean} isMet
 * @property {string} claim what should hold
 * @property {string} observed the figures that it was decided by
 */

/**
 * @typedef {object} Workload
 * @property {readonly import("./tally.mjs").Tally[]} tallies
 * @property {() => Promise<void>} start
 * @property {() => Promise<void>} stop
 * @property {(sinceMs: number) => boolean} isBackSince whether it works again, as of this instant
 * @property {(server: import("./stage.mjs").Client) => Promise<Check[]>} verify compares with the real server
 */

/**
 * Decides what held, with a look at the real server.
 *
 * @param {import("./stage.mjs").Stage} stage
 * @param {import("./rotations.mjs").Rotations} rotations
 * @param {readonly Workload[]} workloads
 * @returns {Promise<Check[]>}
 */
export async function checkAll(stage, rotations, workloads) {
  const tallies = workloads.flatMap((workload) => workload.tallies);
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0);
  const done = tallies.reduce((sum, tally) => sum + tally.done, 0);
  const server = await stage.inspect();
  try {
    const own = await Promise.all(
      workloads.map((workload) => workload.verify(/** @type {import("./stage.mjs").Client} */ (server))),
    );
    return [
      {
        isMet: failed === 0,
        claim: "no command failed",
        observed: `${count(failed)} of ${count(done)}, while Redis was there`,
      },
      ...own.flat(),
      {
        isMet: rotations.incomplete === 0,
        claim: "every token on every open connection",
        observed: `${rotations.over - rotations.incomplete} of ${rotations.over} rotations, ${count(rotations.logins)} logins`,
      },
      {
        isMet: stage.cutByExpiry === 0,
        claim: "no connection cut when its token ended",
        observed: `${stage.cutByExpiry} of ${stage.connections} cut`,
      },
    ];
  } finally {
    server.destroy();
  }
}
