import { describe, expect, test } from "vitest";
import {
  type CommonAddresses,
  listenAddresses,
  type WantedAddresses,
} from "../../../src/proxy/config/addresses.js";
import type { Given } from "../../../src/proxy/config/given.js";
import { listenLabel } from "../../../src/proxy/config/listen-address.js";

const given = (value: string): Given => ({ source: "--x", value });

interface Wanted {
  readonly listen?: string;
  readonly socket?: string;
  readonly mode?: string;
  readonly handed?: number;
}

function wanted(instances: readonly Wanted[]): WantedAddresses[] {
  return instances.map(({ listen, socket, mode, handed }, index) => ({
    name: `i${index + 1}`,
    listen: listen === undefined ? undefined : given(listen),
    unixSocket: socket === undefined ? undefined : given(socket),
    unixSocketMode: mode === undefined ? undefined : given(mode),
    handed: handed === undefined ? [] : [{ kind: "handed", fd: handed, name: `fd${handed}` }],
  }));
}

function addresses(
  instances: readonly Wanted[],
  common: { readonly listen?: string; readonly socket?: string } = {},
) {
  const all: CommonAddresses = {
    listen: common.listen === undefined ? undefined : given(common.listen),
    unixSocket: common.socket === undefined ? undefined : given(common.socket),
  };
  return listenAddresses(wanted(instances), all);
}

const labels = (...args: Parameters<typeof addresses>) =>
  addresses(...args).map((of) => of.map((address) => listenLabel(address)));

describe("where instances listen", () => {
  test("the first one is where a Redis on this machine would be, the next ones count up", () => {
    expect(labels([{}, {}, {}])).toEqual([["127.0.0.1:6379"], ["127.0.0.1:6380"], ["127.0.0.1:6381"]]);
  });

  test("counting goes past ports that an instance has named", () => {
    expect(labels([{}, { listen: "6380" }, {}])).toEqual([
      ["127.0.0.1:6379"],
      ["127.0.0.1:6380"],
      ["127.0.0.1:6381"],
    ]);
    expect(labels([{}, { listen: "0.0.0.0:7000" }], { listen: "7000" })).toEqual([
      ["127.0.0.1:7001"],
      ["0.0.0.0:7000"],
    ]);
  });

  test("several addresses count up together, and free ports stay free ones", () => {
    expect(labels([{}, {}], { listen: "127.0.0.1:7000,[::1]:7000" })).toEqual([
      ["127.0.0.1:7000", "[::1]:7000"],
      ["127.0.0.1:7001", "[::1]:7001"],
    ]);
    expect(labels([{}, {}], { listen: "0" })).toEqual([["127.0.0.1:0"], ["127.0.0.1:0"]]);
  });

  test("a socket of its own is instead of a port, with permissions for this user only", () => {
    expect(addresses([{ socket: "/run/a.sock" }, {}])).toEqual([
      [{ kind: "unix", path: "/run/a.sock", mode: 0o600 }],
      [{ kind: "tcp", host: "127.0.0.1", port: 6379 }],
    ]);
    expect(addresses([{ socket: "/run/a.sock", mode: "0660", listen: "1" }])[0]).toEqual([
      { kind: "tcp", host: "127.0.0.1", port: 1 },
      { kind: "unix", path: "/run/a.sock", mode: 0o660 },
    ]);
    expect(labels([{}], { socket: "/run/a.sock" })).toEqual([["/run/a.sock"]]);
    expect(labels([{}], { socket: "/run/a.sock", listen: "7000" })).toEqual([
      ["127.0.0.1:7000", "/run/a.sock"],
    ]);
  });

  test("sockets that were handed over are all that an instance needs", () => {
    expect(labels([{ handed: 3, listen: "1" }, {}])).toEqual([["fd3"], ["127.0.0.1:6379"]]);
  });

  test.each<[instances: Wanted[], complaint: RegExp, common?: { listen?: string; socket?: string }]>([
    [
      [{ listen: "6400" }, { listen: "6400" }],
      /instances i1 and i2 are to listen twice on 127\.0\.0\.1:6400/,
    ],
    [
      [{ listen: "localhost:1" }, { listen: "1" }],
      /listen twice on 127\.0\.0\.1:1 \(localhost:1 takes it in\)/,
    ],
    [
      [{ listen: "0.0.0.0:1" }, { listen: "[::1]:1" }],
      /listen twice on \[::1\]:1 \(0\.0\.0\.0:1 takes it in\)/,
    ],
    [[{ listen: "1,1" }], /The instance i1 is to listen twice on 127\.0\.0\.1:1/],
    [[{ socket: "/a/../b" }, { socket: "/b" }], /instances i1 and i2 are to listen twice on \/b/],
    [[{}, {}], /--x is one socket for 2 instances: give each its own/, { socket: "/b" }],
    [[{}, {}], /--x counts up past port 65535/, { listen: "65535" }],
    [[{ listen: "70000" }], /--x takes PORT, HOST:PORT or \[::1\]:PORT.*it got "70000"/],
    [[{ listen: "::1:1" }], /--x takes PORT/],
    [[{ listen: "[127.0.0.1]:1" }], /--x takes PORT/],
    [[{ listen: "a b:1" }], /--x takes PORT/],
    [[{ listen: "redis" }], /--x takes PORT/],
    [[{ socket: `/${"a".repeat(107)}` }], /--x is 108 bytes long as .* may have 10[37]/],
    [[{ socket: `/${"ä".repeat(60)}` }], /--x is 121 bytes long/],
    [[{ socket: "/a", mode: "rw" }], /--x takes permissions in octal.*it got "rw"/],
    [[{ socket: "/a", mode: "0999" }], /takes permissions in octal/],
  ])("%j is refused", (instances, complaint, common = {}) => {
    expect(() => addresses(instances, common)).toThrow(complaint);
  });
});
