import { describe, expect, test } from "vitest";
import { parseInstanceArgument } from "../../../src/proxy/config/instance-argument.js";
import { instanceNames } from "../../../src/proxy/config/names.js";
import { parseNodePorts } from "../../../src/proxy/config/node-ports.js";

const KEYS = {
  keys: ["name", "endpoint", "listen", "unix-socket", "single-endpoint", "client-id"],
  lists: ["listen"],
  switches: ["single-endpoint"],
};

const read = (text: string) =>
  Object.fromEntries(
    [...parseInstanceArgument(text, "argument 1", KEYS)].map(([name, { value }]) => [name, value]),
  );

describe("an instance on a command line", () => {
  test.each<[text: string, settings: Record<string, string>]>([
    ["my-cache.redis.azure.net", { endpoint: "my-cache.redis.azure.net" }],
    ["rediss://my-cache:10000", { endpoint: "rediss://my-cache:10000" }],
    ["jobs=[::1]:6380,listen=6400", { name: "jobs", endpoint: "[::1]:6380", listen: "6400" }],
    ["a:1,listen=1,listen=[::1]:1", { endpoint: "a:1", listen: "1,[::1]:1" }],
    ["a:1,single-endpoint,client-id=x=y", { endpoint: "a:1", "single-endpoint": "true", "client-id": "x=y" }],
    ["a:1,single-endpoint=false,name=b", { endpoint: "a:1", "single-endpoint": "false", name: "b" }],
  ])("%s", (text, settings) => {
    expect(read(text)).toEqual(settings);
  });

  test.each([
    ["", /argument 1 names no cache/],
    ["jobs=", /argument 1 is to begin with the cache/],
    ["listen=6400", /argument 1 is to begin with the cache, as HOST/],
    ["a:1?listen=6400", /has settings behind a "\?"; write them behind commas/],
    ["a:1,lisen=6400", /has `lisen` behind its commas\. Did you mean `listen`\?/],
    ["a:1,endpoint=b:1", /has `endpoint` behind its commas/],
    ["a:1,hunter22!", /has something that is no key behind its commas\. There are listen/],
    ["a:1,listen", /`listen` in argument 1 needs a value: listen=VALUE/],
    ["a:1,unix-socket=/a,unix-socket=/b", /`unix-socket` in argument 1 is given twice/],
    ["b=a:1,name=c", /`name` in argument 1 is given twice/],
  ])("%j is refused", (text, complaint) => {
    expect(() => read(text)).toThrow(complaint);
    expect(() => read(text)).not.toThrow(/hunter22/);
  });
});

describe("names of instances", () => {
  const names = (...instances: readonly (readonly [host: string, name?: string])[]) =>
    instanceNames(
      instances.map(([host, name]) => ({
        host,
        port: 10_000,
        name: name === undefined ? undefined : { source: "argument 1", value: name },
      })),
    );

  test("are the first part of the host, with a number where it is taken", () => {
    expect(names(["a.redis.azure.net"], ["b.x", "a"], ["a.other"], ["127.0.0.1"], ["::1"])).toEqual([
      "a-2",
      "a",
      "a-3",
      "127.0.0.1-10000",
      "1-10000",
    ]);
  });

  test.each<[RegExp, ...(readonly [string, string])[]]>([
    [/Two instances are called a \(argument 1\): rename one/, ["x", "a"], ["y", "a"]],
    [/is to be made of letters, digits/, ["x", "a b"]],
    [/is to be made of letters, digits/, ["x", "a".repeat(64)]],
  ])("%s", (complaint, ...instances) => {
    expect(() => names(...instances)).toThrow(complaint);
  });
});

describe("ports for nodes", () => {
  test("are a range with both its ends", () => {
    expect(parseNodePorts({ source: "--node-ports", value: "7000-7099" })).toEqual({
      first: 7000,
      last: 7099,
    });
  });

  test.each(["7000", "7099-7000", "0-5", "1-70000", "a-b"])("%s is none", (value) => {
    expect(() => parseNodePorts({ source: "--node-ports", value })).toThrow(
      /--node-ports takes the first and the last port/,
    );
  });
});
