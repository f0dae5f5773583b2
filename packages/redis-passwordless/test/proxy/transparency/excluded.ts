/** Commands that are not part of the comparison, each with its reason. Everything else that the server lists is. */
export const EXCLUDED: Readonly<Record<string, string>> = {
  SHUTDOWN: "ends the server",
  REPLICAOF: "makes the server a replica that drops its data",
  SLAVEOF: "is REPLICAOF",
  FAILOVER: "hands the server's role to a replica, and there is none",
  SYNC: "turns the connection into replication, which has no replies; Azure blocks it",
  PSYNC: "is SYNC",
  AUTH: "is answered by the proxy, by design; its wrong forms are in the scenarios",
  RESET: "logs out, which the proxy undoes by design; it is in the scenarios, with the login behind it",
  QUIT: "ends every session of the comparison, and is in the scenarios",
  PFSELFTEST: "computes for seconds, and answers OK",
  "ACL|LOAD": "removes the users that the file does not have, ours among them",
  "DEBUG|SLEEP": "blocks the server; the server refuses all of DEBUG anyway",
  "DEBUG|SEGFAULT": "ends the server; the server refuses all of DEBUG anyway",
};

/** Where the proxy is known to answer otherwise than the server; none of it is in the comparison. */
export const KNOWN_DIFFERENCES: Readonly<Record<string, string>> = {
  "an unknown command, or one of wrong arity, of a RESP2 subscriber":
    "gets the error for all commands that a subscriber may not send, where Redis looks at name and arity first",
  "CLIENT REPLY in a transaction":
    "is refused, because Redis breaks off the reply to EXEC where it takes effect",
  "HELLO 2 of a RESP3 client that is subscribed": "ends in a state in which no login is possible",
};
