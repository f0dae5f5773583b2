import { describe, expect, test } from "vitest";
import { parseConfigFile } from "../../../src/proxy/config/config-file.js";

const NAMES = {
  common: ["listen", "max-clients", "workers", "endpoint"],
  instance: ["name", "endpoint", "listen", "max-clients"],
  lists: ["listen"],
  refused: { password: "A secret is no setting." },
};

const read = (text: string) => {
  const { common, instances } = parseConfigFile(text, "proxy.yaml", NAMES);
  return { common: Object.fromEntries(common), instances: instances?.map((one) => Object.fromEntries(one)) };
};

describe("a configuration file", () => {
  test("says the same in YAML and in JSON, and each setting knows its line", () => {
    const yaml = read(
      "# all\nmax-clients: 0100\ninstances:\n  - endpoint: one:6380\n    listen: [6400, '6401']\n",
    );
    const json = read(
      '{\n"max-clients": "0100",\n"instances": [\n{"endpoint": "one:6380",\n"listen": [6400, "6401"]}]}',
    );
    expect(yaml).toEqual({
      common: { "max-clients": { source: "`max-clients` (proxy.yaml line 2)", value: "0100" } },
      instances: [
        {
          endpoint: { source: "`endpoint` (proxy.yaml line 4)", value: "one:6380" },
          listen: { source: "`listen` (proxy.yaml line 5)", value: "6400,6401" },
        },
      ],
    });
    expect(json.instances).toMatchObject([
      { endpoint: { value: "one:6380" }, listen: { value: "6400,6401" } },
    ]);
  });

  test("finds the line of a setting that an anchor repeats", () => {
    const text = "max-clients: &n 7\ninstances:\n  - &a\n    endpoint: one:1\n    max-clients: *n\n  - *a\n";
    const source = "`max-clients` (proxy.yaml line 5)";
    expect(read(text).instances).toMatchObject([
      { "max-clients": { source, value: "7" } },
      { "max-clients": { source, value: "7" } },
    ]);
  });

  test.each(["", "# nothing\n", "---\n"])("that holds nothing says nothing: %j", (text) => {
    expect(read(text)).toEqual({ common: {}, instances: undefined });
  });

  test.each([
    ["listen: [6379", /proxy\.yaml line \d is neither YAML nor JSON: /],
    ["listen: 1\nlisten: 2", /proxy\.yaml line 2 is neither YAML nor JSON: duplicated mapping key/],
    ["a: 1\n---\nb: 2", /neither YAML nor JSON: expected a single document/],
    ["- one", /proxy\.yaml is to hold a map.*holds a list/],
    ["just text", /is to hold a map.*holds a text/],
    ["workers: 1\nmax-client: 3", /line 2: there is no `max-client`\. Did you mean `max-clients`\?/],
    ["instance:\n  - endpoint: a", /line 1: there is no `instance`\. Did you mean `instances`\?/],
    ["zzzzzzzz: 3", /line 1: there is no `zzzzzzzz`\. There are listen, max-clients/],
    ["? 'a secret = in the wrong place'\n: 3", /there is no setting of that name/],
    ["password: hunter22", /line 1: there is no `password`\. A secret is no setting/],
    ["name: x", /line 1: `name` is for one instance; write it below `instances`/],
    ["instances:\n  - endpoint: a\n    workers: 3", /line 3: `workers` is for the whole proxy/],
    ["instances: my-cache", /`instances` \(proxy\.yaml line 1\) takes a list.*got a text/],
    ["instances: []", /takes a list.*got an empty list/],
    [
      "workers: 1\ninstances:\n- my-cache",
      /Entry 1 of `instances` \(proxy\.yaml line 2\) is to be a map.*is a text/,
    ],
    ["workers: [1, 2]", /`workers` \(proxy\.yaml line 1\) takes one value; it got a list/],
    ["workers:", /takes one value; it got nothing/],
    ["listen: {port: 1}", /`listen` .* takes a text or a list of texts; it got a map/],
    ["listen: []", /it got an empty list/],
  ])("%j is refused, with the line and never with a value", (text, complaint) => {
    expect(() => read(text)).toThrow(complaint);
    expect(() => read(text)).not.toThrow(/hunter22|wrong place/);
  });
});
