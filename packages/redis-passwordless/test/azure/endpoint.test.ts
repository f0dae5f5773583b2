import { describe, expect, test } from "vitest";
import { azureEndpoint } from "../../src/azure/endpoint.js";
import { cloudOfAuthority } from "../../src/identity/clouds.js";
import { caught } from "../identity/support.js";

const KEY = "s3cr3tAccessKey/With+Base64=";

describe("the host tells product, cloud, port and authority", () => {
  test.each([
    ["c.redis.cache.windows.net", "cacheForRedis", "public", 6380, "https://login.microsoftonline.com"],
    ["c.redis.cache.usgovcloudapi.net", "cacheForRedis", "usgov", 6380, "https://login.microsoftonline.us"],
    [
      "c.redis.cache.chinacloudapi.cn",
      "cacheForRedis",
      "china",
      6380,
      "https://login.partner.microsoftonline.cn",
    ],
    ["c.redis.cache.sovcloud-api.fr", "cacheForRedis", "bleu", 6380, "https://login.sovcloud-identity.fr"],
    ["c.redis.cache.sovcloud-api.de", "cacheForRedis", "delos", 6380, "https://login.sovcloud-identity.de"],
    [
      "c.eastus.redisenterprise.cache.azure.net",
      "enterprise",
      "public",
      10_000,
      "https://login.microsoftonline.com",
    ],
    ["c.westus3.redis.azure.net", "managedRedis", "public", 10_000, "https://login.microsoftonline.com"],
    [
      "c.virginia.redis.usgovcloudapi.net",
      "managedRedis",
      "usgov",
      10_000,
      "https://login.microsoftonline.us",
    ],
    [
      "c.north.redis.chinacloudapi.cn",
      "managedRedis",
      "china",
      10_000,
      "https://login.partner.microsoftonline.cn",
    ],
    ["c.r.redis.sovcloud-api.fr", "managedRedis", "bleu", 10_000, "https://login.sovcloud-identity.fr"],
    ["c.r.redis.sovcloud-api.de", "managedRedis", "delos", 10_000, "https://login.sovcloud-identity.de"],
    ["c.r.redis.sovcloud-api.sg", "managedRedis", "govsg", 10_000, "https://login.sovcloud-identity.sg"],
  ])("%s", (host, product, cloud, port, authorityHost) => {
    expect(azureEndpoint(host)).toMatchObject({
      host,
      serverName: host,
      product,
      cloud,
      port,
      authorityHost,
      isEncrypted: true,
      scope: "https://redis.azure.com/.default",
      supportsEntraId: product !== "enterprise",
    });
  });

  test.each([
    ["evil.redis.azure.net.example.com:10000", "unknown"],
    ["evilredis.azure.net:10000", "unknown"],
    ["c.redis.windows.net:1", "unknown"],
    ["redis.azure.net:10000", "unknown"],
  ])("%s is no name of a cache", (text, product) => {
    expect(azureEndpoint(text).product).toBe(product);
  });
});

describe("the address is read however it is written", () => {
  test.each([
    ["c.westus3.redis.azure.net:8501", "c.westus3.redis.azure.net", 8501],
    ["rediss://c.westus3.redis.azure.net", "c.westus3.redis.azure.net", 10_000],
    ["rediss://c.redis.cache.windows.net:15001/0", "c.redis.cache.windows.net", 15_001],
    ["rediss://c.redis.cache.windows.net/", "c.redis.cache.windows.net", 6380],
    [" C.WestUS3.Redis.Azure.NET.\n", "c.westus3.redis.azure.net", 10_000],
    ["REDISS://C.WESTUS3.REDIS.AZURE.NET.:10000", "c.westus3.redis.azure.net", 10_000],
    ["localhost:6380", "localhost", 6380],
    ["my_cache:7000", "my_cache", 7000],
    ["rediss://[fd00::1]:6380", "fd00::1", 6380],
    ["[::1]:6380", "::1", 6380],
  ])("%j", (text, host, port) => {
    expect(azureEndpoint(text)).toMatchObject({ host, port, isEncrypted: true });
  });

  test("plaintext is what it is where no cache of Azure's is addressed", () => {
    expect(azureEndpoint("redis://localhost:6379")).toMatchObject({ product: "unknown", isEncrypted: false });
  });

  test.each([
    "",
    "  ",
    "https://c.redis.cache.windows.net",
    "c.redis.cache.windows.net:",
    "c.redis.cache.windows.net:0",
    "c.redis.cache.windows.net:65536",
    "c.redis.cache.windows.net:10000x",
    "a b.redis.azure.net",
    "a..redis.azure.net",
    "-a.redis.azure.net",
    "::1",
    "[::1",
    "[nonsense]:1",
    "rediss://c.redis.azure.net/3",
    "rediss://c.redis.azure.net/x",
    "rediss://c.redis.azure.net?ssl=true",
  ])("%j is refused, and the option is named", async (text) => {
    const error = await caught(() => azureEndpoint(text, "MY_HOST"));
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_INVALID_OPTION", details: { option: "MY_HOST" } });
  });

  test.each([undefined, null, 6380, {}])("%j is refused", async (text) => {
    const error = await caught(() => azureEndpoint(text as never));
    expect(error.code).toBe("ERR_PASSWORDLESS_INVALID_OPTION");
  });

  test.each(["localhost", "rediss://cache.internal", "10.0.0.4", "[::1]"])(
    "%s needs a port: only Azure's names have a default",
    async (text) => {
      const error = await caught(() => azureEndpoint(text));
      expect(error.code).toBe("ERR_PASSWORDLESS_INVALID_OPTION");
      expect(error.remedy).toContain("a port");
    },
  );
});

describe("an address that cannot work is refused with the reason", () => {
  test.each([
    "redis://c.westus3.redis.azure.net:10000",
    "c.westus3.redis.azure.net:6379",
    "rediss://c.redis.cache.windows.net:6379",
    "redis://c.redis.cache.usgovcloudapi.net",
  ])("%s asks for plaintext", async (text) => {
    const error = await caught(() => azureEndpoint(text));
    expect(error.code).toBe("ERR_PASSWORDLESS_PLAINTEXT_REFUSED");
    expect(error.remedy).toMatch(/rediss:\/\/c\.\S+:(10000|6380)/);
  });

  test.each([
    `rediss://:${KEY}@c.redis.cache.windows.net:6380/0`,
    `rediss://default:${KEY}@c.westus3.redis.azure.net`,
    `${KEY}@c.westus3.redis.azure.net`,
    `c.redis.cache.windows.net:6380,password=${KEY},ssl=True`,
  ])("a key has no place in it (%#), and is not shown", async (text) => {
    const error = await caught(() => azureEndpoint(text));
    expect(error.code).toBe("ERR_PASSWORDLESS_URL_CREDENTIALS");
    expect(String(error)).not.toContain(KEY);
  });

  test.each([
    ["c.privatelink.redis.cache.windows.net", "c.redis.cache.windows.net"],
    ["c.privatelink.redis.cache.chinacloudapi.cn", "c.redis.cache.chinacloudapi.cn"],
    ["c.westus3.privatelink.redis.azure.net:10000", "c.westus3.redis.azure.net"],
    ["c.eastus.privatelink.redisenterprise.cache.azure.net", "c.eastus.redisenterprise.cache.azure.net"],
    ["c.privatelink.eastus.redisenterprise.cache.azure.net", "c.eastus.redisenterprise.cache.azure.net"],
    ["rediss://C.WestUS3.PrivateLink.Redis.Azure.Net.", "c.westus3.redis.azure.net"],
  ])("%s: the public name is told", async (text, publicName) => {
    const error = await caught(() => azureEndpoint(text));
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_PRIVATE_LINK_NAME", details: { publicName } });
    expect(error.remedy).toContain(`\`${publicName}\``);
    expect(error.message).toContain("certificate");
  });

  test("a private zone without a cache's name", async () => {
    const error = await caught(() => azureEndpoint("privatelink.redis.azure.net"));
    expect(error.code).toBe("ERR_PASSWORDLESS_PRIVATE_LINK_NAME");
    expect(error.remedy).toContain(".redis.azure.net");
  });

  test("`privatelink` in a name that is none of Azure's is nobody's business", () => {
    expect(azureEndpoint("c.privatelink.example.com:6380").product).toBe("unknown");
  });
});

describe("what is worth knowing is noted", () => {
  test.each([
    ["c.eastus.redisenterprise.cache.azure.net", /31 March 2027/],
    ["c.redis.cache.windows.net", /30 September 2028.*may be answered by Azure Managed Redis/],
    ["c.redis.cache.windows.net:10000", /Port 10000 is that of Azure Managed Redis/],
    ["c.westus3.redis.azure.net:6380", /listens on 10000/],
    ["10.0.0.4:6380", /IP address/],
    ["[fd00::1]:6380", /IP address/],
  ])("%s", (text, note) => {
    expect(azureEndpoint(text).notes.join()).toMatch(note);
  });

  test.each(["c.westus3.redis.azure.net", "localhost:1", "127.0.0.1:1", "[::1]:1"])("nothing: %s", (text) => {
    expect(azureEndpoint(text).notes).toEqual([]);
  });
});

test.each([
  ["https://login.microsoftonline.com", "public"],
  ["https://login.windows.net/", "public"],
  ["https://westeurope.login.microsoft.com", "public"],
  ["https://login.microsoftonline.us", "usgov"],
  ["https://login.chinacloudapi.cn", "china"],
  ["https://login.sovcloud-identity.sg", "govsg"],
  ["https://localhost:1234", undefined],
  ["https://login.microsoftonline.com.example.com", undefined],
])("the authority %s belongs to the cloud %s", (host, cloud) => {
  expect(cloudOfAuthority(host)).toBe(cloud);
});
