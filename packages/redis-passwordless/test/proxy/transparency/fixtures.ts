import type { ServerAdmin } from "./server-admin.js";

/** Bytes that no text is made of, and that look like the protocol. */
export const BINARY: Buffer = Buffer.concat([
  Buffer.from([0, 1, 255, 254, 13, 10]),
  Buffer.from("$3\r\nabc\r\n*1\r\n+OK\r\n"),
]);

/** More than a TLS record, and more than one read. */
export const BIG: Buffer = Buffer.alloc(70_000, "0123456789\r\n");

/** Keys of every type, for commands that want theirs and for those that want another one. */
export const KEYS: Readonly<Record<string, string>> = {
  string: "str",
  number: "num",
  bitmap: "bits",
  list: "list",
  set: "set",
  integers: "ints",
  hash: "hash",
  sorted: "zset",
  geo: "geo",
  stream: "stream",
  hyperloglog: "hll",
  missing: "missing",
};

/** Members, fields, groups and consumers that are in these keys. */
export const MEMBERS: readonly string[] = ["a", "b", "c", "Palermo", "Catania", "group", "consumer"];

const LIBRARY = `#!lua name=conformance
redis.register_function('conformance_fn', function(keys, args) return {#keys, #args, args[1]} end)
redis.register_function{
  function_name = 'conformance_ro',
  callback = function(keys, args) return redis.call('GET', keys[1]) end,
  flags = {'no-writes'}
}`;

/** Scripts that return a value of every type, also of RESP3's. */
export const SCRIPTS: readonly string[] = [
  "return {1,{'a',{2,false}},redis.status_reply('fine'),ARGV[1]}",
  "return redis.error_reply('ERR of its own')",
  "redis.setresp(3); return redis.call('HGETALL', 'hash')",
  "redis.setresp(3); return {double=3.25}",
  "redis.setresp(3); return {map={field='value'}}",
  "redis.setresp(3); return {true,false,{set={one=true}},{big_number='123456789012345678901234567890'}}",
  "redis.setresp(3); return {verbatim_string={format='txt',string='some text'}}",
  "return redis.call('NOSUCHCOMMAND')",
  "return string.rep('$32\\r\\n', 20000)",
  "this is no script",
];

const [SHA1_SOURCE] = SCRIPTS as [string];

/** Puts a server into the state that every run begins with. What is left of earlier runs goes. */
export async function seed(admin: ServerAdmin): Promise<void> {
  await admin.run([
    ["CLIENT", "UNPAUSE"],
    ["FLUSHALL"],
    ["FUNCTION", "FLUSH"],
    ["SCRIPT", "FLUSH"],
    ["CONFIG", "SET", "notify-keyspace-events", ""],
    ["ACL", "DELUSER", "a", "b", "c", "word", "other"],
    ["ACL", "LOG", "RESET"],
    ["SLOWLOG", "RESET"],
    ["SCRIPT", "LOAD", SHA1_SOURCE],
    ["FUNCTION", "LOAD", "REPLACE", LIBRARY],
    ["SET", "str", BINARY],
    ["SET", "num", "10"],
    ["SET", "bits", Buffer.from([0xff, 0xf0, 0x00])],
    ["SET", "big", "0123456789".repeat(400)],
    ["SET", "empty", ""],
    ["RPUSH", "list", "a", "b", "c", BINARY, "1"],
    ["SADD", "set", "a", "b", "c"],
    ["SADD", "ints", "1", "2", "3"],
    ["HSET", "hash", "a", "1", "b", BINARY, "c", "3.5"],
    ["ZADD", "zset", "1", "a", "2", "b", "2.5", "c", "inf", "d"],
    ["GEOADD", "geo", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania"],
    ["XADD", "stream", "1-1", "a", "1"],
    ["XADD", "stream", "2-1", "b", BINARY],
    ["XADD", "stream", "3-1", "c", "3", "d", "4"],
    ["XGROUP", "CREATE", "stream", "group", "0"],
    ["XREADGROUP", "GROUP", "group", "consumer", "COUNT", "1", "STREAMS", "stream", ">"],
    ["PFADD", "hll", "a", "b", "c"],
    ["SET", "expiring", "soon", "EX", "100000"],
  ]);
}
