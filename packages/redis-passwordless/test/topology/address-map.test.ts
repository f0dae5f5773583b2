import { describe, expect, test } from "vitest";
import {
  type AddressMap,
  firstOf,
  isAddress,
  parseAddress,
  reachedByEndpoint,
  verifiedAs,
} from "../../src/topology/address-map.js";
import { addressResolver, natMap, nodeAddressMap } from "../../src/topology/client-forms.js";

const ENDPOINT = "my-cache.westus3.redis.azure.net";

const ADDRESSES = ["20.1.2.3", "10.0.0.4", "127.0.0.1", "::1", "fd00::8", "::ffff:10.0.0.4"];
const NAMES = ["node-1.example.com", "localhost", "1.2.3.4.example.com", ENDPOINT];

describe("reachedByEndpoint", () => {
  const map = reachedByEndpoint(ENDPOINT);

  test.each(ADDRESSES)("%s is reached under the endpoint's name, at its own port", (host) => {
    expect(map({ host, port: 8501 })).toEqual({ host: ENDPOINT, port: 8501 });
  });

  test.each(NAMES)("the name %s is left alone", (host) => {
    expect(map({ host, port: 8501 })).toBeUndefined();
  });

  test("an address that the cluster has never announced before is mapped like the others", () => {
    expect([1, 2].map((n) => map({ host: `10.9.8.${n}`, port: 8500 + n }))).toEqual([
      { host: ENDPOINT, port: 8501 },
      { host: ENDPOINT, port: 8502 },
    ]);
  });
});

describe("verifiedAs", () => {
  const map = verifiedAs("clustercfg.my.use1.cache.amazonaws.com");

  test.each(ADDRESSES)("%s is reached where it is, and verified under the name", (host) => {
    expect(map({ host, port: 6379 })).toEqual({
      host,
      port: 6379,
      servername: "clustercfg.my.use1.cache.amazonaws.com",
    });
  });

  test.each(NAMES)("the name %s is left alone", (host) => {
    expect(map({ host, port: 6379 })).toBeUndefined();
  });
});

test("of several maps the first that knows an address is taken", () => {
  const own: AddressMap = ({ host, port }) => (host === "10.0.0.9" ? { host: "bastion", port } : undefined);
  const map = firstOf(own, reachedByEndpoint(ENDPOINT));
  expect(map({ host: "10.0.0.9", port: 1 })).toEqual({ host: "bastion", port: 1 });
  expect(map({ host: "10.0.0.8", port: 2 })).toEqual({ host: ENDPOINT, port: 2 });
  expect(map({ host: "name", port: 3 })).toBeUndefined();
});

describe("the forms of the clients", () => {
  const map = firstOf(reachedByEndpoint(ENDPOINT));

  test("node-redis: a function of `host:port`, which answers for every node", () => {
    expect(nodeAddressMap(map)("20.1.2.3:8501")).toEqual({ host: ENDPOINT, port: 8501 });
    expect(nodeAddressMap(map)("name:8501")).toEqual({ host: "name", port: 8501 });
    expect(nodeAddressMap(verifiedAs(ENDPOINT))("[fd00::8]:8501")).toEqual({
      host: "fd00::8",
      port: 8501,
      servername: ENDPOINT,
    });
  });

  test("ioredis: `null` leaves a node where it is", () => {
    expect(natMap(map)("20.1.2.3:8501")).toEqual({ host: ENDPOINT, port: 8501 });
    expect(natMap(map)("fd00::8:8501")).toEqual({ host: ENDPOINT, port: 8501 });
    expect(natMap(map)("name:8501")).toBeNull();
  });

  test("valkey-glide: host and port in, host and port out", () => {
    expect(addressResolver(map)("20.1.2.3", 8501)).toEqual([ENDPOINT, 8501]);
    expect(addressResolver(map)("name", 8501)).toEqual(["name", 8501]);
  });
});

test.each([
  ["1.2.3.4:5", { host: "1.2.3.4", port: 5 }],
  ["[::1]:5", { host: "::1", port: 5 }],
  ["::1:5", { host: "::1", port: 5 }],
  ["host.name:65535", { host: "host.name", port: 65_535 }],
])("reads %s", (text, expected) => {
  expect(parseAddress(text)).toEqual(expected);
});

test.each(["", ":5", "host", "host:", "host:0", "host:65536", "host:x"])("refuses %j", (text) => {
  expect(() => parseAddress(text)).toThrow(
    expect.objectContaining({ code: "ERR_PASSWORDLESS_INVALID_OPTION" }),
  );
});

test.each(["", "  ", "10.0.0.4", "::1", undefined, 5])(
  "an endpoint must be a name: %j is refused",
  (name) => {
    for (const make of [reachedByEndpoint, verifiedAs]) {
      expect(() => make(name as string)).toThrow(
        expect.objectContaining({ code: "ERR_PASSWORDLESS_INVALID_OPTION" }),
      );
    }
  },
);

test("what is no function is refused when maps are put together", () => {
  expect(() => firstOf(undefined as never)).toThrow(/maps\[0\]/);
});

test("version numbers and names with digits are no addresses", () => {
  expect(["1.2.3", "a1.2.3.4", "node1"].filter(isAddress)).toEqual([]);
});
