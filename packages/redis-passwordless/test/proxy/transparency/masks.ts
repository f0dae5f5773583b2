import { type Reply, readReplies } from "./reply.js";

/** What is not compared in the replies to some commands, and why it cannot be the same on two servers. */
export interface Mask {
  /** Names of commands, as `GET` or `CLIENT|KILL`. */
  readonly commands: RegExp;
  readonly reason: string;
  /** What is left to compare. */
  readonly show: (reply: Reply) => string;
  /** What does not have to come in both worlds. */
  readonly drop?: (reply: Reply) => boolean;
  /** It applies to all that follows on the connection, too. */
  readonly lasts?: true;
}

/** Only the types, and how many elements there are. */
const shape = (reply: Reply): string => `${reply.type}[${reply.items.map(shape).join(",")}]`;

/** Only whether it is an error. */
const verdict = (reply: Reply): string => (reply.type === "-" ? "an error" : "no error");

/** Elements at each level in the order of their bytes; those of a map, and of a list of pairs, are pairs. */
const unordered = (reply: Reply): string => {
  if (reply.items.length === 0) return reply.wire;
  return `${reply.type}[${reply.items.map(unordered).sort().join(",")}]`;
};

/** As `unordered`, where RESP2 lists names and values in turn. */
const unorderedPairs = (reply: Reply): string => {
  if (reply.type !== "*" || reply.items.length % 2 > 0) return unordered(reply);
  const pairs = reply.items.flatMap((item, index) => {
    return index % 2 > 0 ? [] : [`${item.wire}${reply.items[index + 1]?.wire}`];
  });
  return `*[${pairs.sort().join(",")}]`;
};

/** Without the integers from 0 on; what is below says something else than a number. */
const numbers = (reply: Reply): string => {
  if (reply.items.length > 0) return `${reply.type}[${reply.items.map(numbers).join(",")}]`;
  return reply.type === ":" ? reply.wire.replace(/^:\d+/, ":n") : reply.wire;
};

/** Parts of texts, wherever in the reply they are. */
const without =
  (...parts: readonly RegExp[]) =>
  (reply: Reply): string => {
    const show = (one: Reply): string => {
      if (one.items.length > 0) return `${one.type}[${one.items.map(show).join(",")}]`;
      if (one.text === undefined) return one.wire;
      return `${one.type}${parts.reduce((text, part) => text.replaceAll(part, "…"), one.text)}`;
    };
    return show(reply);
  };

/** The fields of a reply that lists names and values, without the values of these. */
const withoutFields =
  (fields: RegExp) =>
  (reply: Reply): string => {
    const show = (one: Reply): string => {
      if (one.items.length === 0) return one.wire;
      const items = one.items.map((item, index) =>
        fields.test(one.items[index - 1]?.text ?? "") ? item.type : show(item),
      );
      return `${one.type}[${items.join(",")}]`;
    };
    return show(reply);
  };

/** The names of the fields, and what belongs to the build. */
const infoFields = (reply: Reply): string =>
  (reply.text ?? reply.wire)
    .split("\r\n")
    .map(
      (line) =>
        /^(redis_version|valkey_version|redis_mode|os|role|#).*$/.exec(line)?.[0] ?? line.split(":")[0],
    )
    // Commands and errors that have occurred have a line each; those of the login differ.
    .filter((line) => !/^(cmdstat|errorstat|latency_percentiles)_/.test(line ?? ""))
    .join("\n");

/** Of each connection what its client has chosen: Redis' names for it. */
const clientState = (reply: Reply): string => {
  if (reply.type === "-" || reply.text === undefined) return reply.wire;
  const own = reply.text.split("\n").filter((line) => /cmd=client\|/.test(line));
  const fields = /(?<= |^)(name|db|sub|psub|ssub|watch|user|redir|resp|lib-name|lib-ver|flags)=\S*/g;
  return own.map((line) => [...line.matchAll(fields)].map(([field]) => field).join(" ")).join("\n");
};

/** Every exception from "byte for byte"; a run against the server itself, twice, needs the same ones. */
export const MASKS: readonly Mask[] = [
  {
    commands: /^HELLO$/,
    reason: "names the connection's id",
    show: withoutFields(/^id$/),
  },
  {
    commands: /^CLIENT\|(ID|GETREDIR)$/,
    reason: "is a connection's id",
    show: numbers,
  },
  {
    commands: /^CLIENT\|(LIST|INFO)$/,
    reason:
      "names ids, addresses, ages, buffers, and the connections of others; what the client has chosen is compared",
    show: clientState,
  },
  {
    commands: /^(TIME|LASTSAVE)$/,
    reason: "is a time",
    show: shape,
  },
  {
    commands: /^(TTL|PTTL|H?P?EXPIRETIME|HP?TTL)$/,
    reason: "is a time, or what is left until then",
    show: numbers,
  },
  {
    commands: /^OBJECT\|(IDLETIME|FREQ)$/,
    reason: "is a time since the last use",
    show: numbers,
  },
  {
    commands: /^(XADD|XGROUP\|.*|XCLAIM|XAUTOCLAIM|XRANGE|XREVRANGE|XREAD|XREADGROUP)$/,
    reason: "ids of entries without an explicit one are times",
    show: without(/\d{13}-\d+/g),
  },
  {
    commands: /^(XINFO\|.*|XPENDING)$/,
    reason: "ids may be times, and consumers have idle times",
    show: (reply) => numbers(reply).replaceAll(/\d{13}-\d+/g, "…"),
  },
  {
    commands: /^INFO$/,
    reason: "statistics of the process, its ids, ports and times; the fields are compared",
    show: infoFields,
  },
  {
    commands: /^MEMORY\|(STATS|DOCTOR|MALLOC-STATS|USAGE)$/,
    reason: "how the process's memory lies",
    show: verdict,
  },
  {
    commands: /^(LATENCY\|.*|SLOWLOG\|(GET|LEN)|COMMANDLOG\|(GET|LEN))$/,
    reason: "how long commands took",
    show: verdict,
  },
  {
    commands: /^ACL\|(LIST|USERS|LOG)$/,
    reason: "names users with random ids, passwords and addresses of connections",
    show: verdict,
  },
  {
    commands: /^ACL\|GENPASS$/,
    reason: "is random",
    show: without(/[0-9a-f]/g),
  },
  {
    commands: /^(SPOP|SRANDMEMBER|HRANDFIELD|ZRANDMEMBER|RANDOMKEY|LOLWUT)$/,
    reason: "is random",
    show: shape,
  },
  {
    commands: /^(SCAN|SSCAN|HSCAN|ZSCAN)$/,
    reason: "goes through a hash table, whose seed is each server's own",
    show: (reply) => `${reply.type}[${reply.items.map(({ type }) => type).join(",")}]`,
  },
  {
    commands: /^HGETALL$/,
    reason: "comes in the order of a hash table, whose seed is each server's own, once a value is long",
    show: unorderedPairs,
  },
  {
    commands:
      /^(HKEYS|HVALS|SMEMBERS|SINTER|SUNION|SDIFF|KEYS|COMMAND|COMMAND\|.*|ACL\|CAT|FUNCTION\|LIST|PUBSUB\|.*|CONFIG\|GET|[PS]?UNSUBSCRIBE)$/,
    reason: "comes in the order of a hash table, whose seed is each server's own",
    show: unordered,
  },
  {
    commands: /^(SORT|SORT_RO)$/,
    reason:
      "picks from a hash table with LIMIT, where BY names no key, and GET finds something for some of them only",
    show: (reply) => `${reply.type}${reply.items.length || reply.wire}`,
  },
  {
    commands: /^(DUMP|FUNCTION\|DUMP)$/,
    reason: "holds what a hash table holds in its order",
    show: (reply) => `${reply.type}${reply.text?.length}`,
  },
  {
    commands: /^(BGSAVE|BGREWRITEAOF|SAVE)$/,
    reason: "whether an earlier one is still under way",
    show: () => "an answer",
  },
  {
    commands: /^SCRIPT\|DEBUG$/,
    reason: "is refused or not by whether earlier replies have been sent, which packets decide",
    show: () => "an answer",
  },
  {
    commands: /^MONITOR$/,
    reason:
      "times and addresses; logins, and what takes back a client's settings: connections outlive their clients",
    show: without(/\d+\.\d{6}(?= \[)/g, /(?<=\[\d+ )[^\]]+/g),
    drop: ({ text }) =>
      /"(AUTH" "\(redacted\)" "\(redacted\)|SELECT" "0|HELLO" "2|CLIENT" "SETNAME" ")"$/.test(text ?? ""),
    lasts: true,
  },
];

/** What is left of replies when the masks of these commands have been applied. */
export function masked(wire: string, commands: readonly string[]): string {
  const masks = MASKS.filter((mask) => commands.some((command) => mask.commands.test(command)));
  if (masks.length === 0) return wire;
  const { replies, rest } = readReplies(wire);
  // Several commands without a boundary between them: whatever one of the masks takes away may differ.
  return masks
    .map(
      ({ show, drop = () => false }) =>
        replies
          .filter((reply) => !drop(reply))
          .map(show)
          .join("\n") + rest,
    )
    .join("\n\n");
}
