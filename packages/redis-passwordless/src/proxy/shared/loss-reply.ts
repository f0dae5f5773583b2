import type { Loss } from "./recipient.js";

/** What a client gets for each command whose reply will not come; it says whether the command may have been executed. */
export function lossReply({ error, mayHaveRun }: Omit<Loss, "replies" | "isTorn">): Buffer {
  const outcome = mayHaveRun
    ? "It may have been executed, or not."
    : "It has not been executed and may be sent again.";
  const text = `${error.observed} before this command was answered. ${outcome}`;
  return Buffer.from(`-${error.code} ${text.replaceAll(/[\r\n]+/g, " ")}\r\n`);
}
