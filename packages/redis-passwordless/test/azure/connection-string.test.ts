import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { parseConnectionString } from "../../src/azure/connection-string.js";
import { caught } from "../identity/support.js";

const KEY = "aB3/x+Yz9//key+with=base64AzCaD0o=";
const HOST = "c.redis.cache.windows.net";
const MANAGED = "c.westus3.redis.azure.net";

interface Row {
  readonly text: string;
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly password?: string | undefined;
  readonly database?: number;
  readonly note?: RegExp;
}

describe("what Azure writes is read", () => {
  test.each<Row>([
    { text: `rediss://:${KEY}@${HOST}:6380/0`, database: 0 },
    { text: `rediss://:${encodeURIComponent(KEY)}@${HOST}:6380/0`, database: 0 },
    { text: `rediss://:${KEY.replaceAll("/", "%2f")}@${HOST}:6380/0`, database: 0 },
    { text: `rediss://default:${KEY}@${HOST}:6380/3`, username: "default", database: 3 },
    { text: `rediss://:${KEY}@${HOST}` },
    { text: `rediss://:${KEY}@${HOST}/0?retry=1`, database: 0, note: /behind `\?`/ },
    { text: `rediss://:${KEY}@${MANAGED}`, host: MANAGED, port: 10_000 },
    { text: `rediss://:100%@${HOST}`, password: "100%" },
    { text: `rediss://:p@ss:word@${HOST}`, password: "p@ss:word" },
    { text: `rediss://:@${HOST}:6380/0`, password: undefined, database: 0 },
    { text: `${HOST}:6380,password=${KEY},ssl=True,defaultDatabase=0`, database: 0 },
    { text: `${HOST}:6380,password=${KEY},ssl=True,abortConnect=False` },
    { text: ` ${HOST} , PASSWORD = ${KEY} , SSL=true , user=default,`, username: "default" },
    { text: `${HOST},password=${KEY},defaultDatabase=2`, database: 2 },
    { text: `password=${KEY},${MANAGED}:10000,ssl=True`, host: MANAGED, port: 10_000 },
    {
      text: `${HOST},password=${KEY},connectTimeout=5000,protocol=resp3`,
      note: /connecttimeout, protocol\.$/,
    },
    { text: `${HOST},password=${KEY},nonsense=1`, note: /one that is unknown/ },
    { text: `${HOST}:6380`, password: undefined },
    { text: `rediss://${HOST}:6380/0`, password: undefined, database: 0 },
    { text: MANAGED, host: MANAGED, port: 10_000, password: undefined },
  ])("$text", (row) => {
    const { endpoint, username, password, database, notes } = parseConnectionString(row.text);
    expect(endpoint).toMatchObject({ host: row.host ?? HOST, port: row.port ?? 6380, isEncrypted: true });
    expect(username).toBe(row.username);
    expect(password?.reveal()).toBe("password" in row ? row.password : KEY);
    expect(database).toBe(row.database);
    if (row.note === undefined) expect(notes).toEqual([]);
    else expect(notes.join()).toMatch(row.note);
  });

  test("ssl=False is followed where no cache of Azure's is addressed", () => {
    expect(parseConnectionString("localhost:6379,ssl=False").endpoint.isEncrypted).toBe(false);
  });
});

describe("what cannot work is refused, and the key is not shown", () => {
  test.each([
    [`rediss://${KEY}@${HOST}:6380`, "INVALID_OPTION", /behind a colon/],
    [`redis://:${KEY}@${HOST}:6380`, "PLAINTEXT_REFUSED", /rediss:/],
    [`${HOST}:6379,password=${KEY}`, "PLAINTEXT_REFUSED", /6380/],
    [`${HOST}:6380,password=${KEY},ssl=False`, "PLAINTEXT_REFUSED", /rediss:/],
    [`${HOST}:6380,password=${KEY},ssl=maybe`, "INVALID_OPTION", /true.*false/],
    [`${HOST},other.example,password=${KEY}`, "INVALID_OPTION", /one server/],
    [`${HOST}:6380,${KEY.replaceAll("=", "")},ssl=True`, "INVALID_OPTION", /one server/],
    [`password=${KEY},ssl=True`, "INVALID_OPTION", /one server/],
    [`${HOST}:x,password=${KEY}`, "INVALID_OPTION", /host:port/],
    [`rediss://:${KEY}@`, "INVALID_OPTION", /host/],
    [`rediss://:${KEY}@${MANAGED}/1`, "INVALID_OPTION", /database 0/],
    [`${MANAGED},password=${KEY},defaultDatabase=1`, "INVALID_OPTION", /database 0/],
    [`${HOST},password=${KEY},defaultDatabase=many`, "INVALID_OPTION", /number of a database/],
    [`rediss://:${KEY}@c.privatelink.redis.cache.windows.net`, "PRIVATE_LINK_NAME", /c\.redis\.cache/],
    [`rediss://:${KEY}@localhost`, "INVALID_OPTION", /a port/],
    ["", "INVALID_OPTION", /connection string/],
  ])("%#", async (text, code, remedy) => {
    const error = await caught(() => parseConnectionString(text, "MY_STRING"));
    expect(error.code).toBe(`ERR_PASSWORDLESS_${code}`);
    expect(error.remedy).toMatch(remedy);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(KEY.slice(0, 8));
  });
});

test("a password shows itself to nobody", () => {
  const parsed = parseConnectionString(`rediss://:${KEY}@${HOST}:6380/0`);
  const seen = [
    inspect(parsed, { depth: 10, showHidden: true, getters: true }),
    inspect(parsed, { depth: 10, showHidden: true, getters: true, customInspect: false }),
    JSON.stringify(parsed),
    String(parsed.password),
    `${parsed.password?.toString()}`,
  ].join();
  expect(seen).not.toContain(KEY);
  expect(seen).toContain("[secret]");
  expect(parsed.password?.reveal()).toBe(KEY);
});

test("a name that may be a piece of the key is counted, not shown", () => {
  const { notes } = parseConnectionString(`${HOST},password=half,otherHalf=`);
  expect(notes.join().toLowerCase()).not.toContain("otherhalf");
});
