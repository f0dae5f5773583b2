import { describe, expect, test } from "vitest";
import { PasswordlessError } from "../../src/core/errors.js";
import { Token } from "../../src/core/token.js";
import { explain } from "../../src/explain/explain.js";
import { refusedError } from "../../src/reauth/connection.js";

const OBJECT_ID = "11111111-1111-4111-8111-111111111111";
const CLIENT_ID = "22222222-2222-4222-8222-222222222222";
const OTHER_ID = "33333333-3333-4333-8333-333333333333";
const TENANT_ID = "44444444-4444-4444-8444-444444444444";

const WRONGPASS = "WRONGPASS invalid username-password pair or user is disabled.";

const CLAIMS = {
  objectId: OBJECT_ID,
  clientId: CLIENT_ID,
  tenantId: TENANT_ID,
  audience: "https://redis.azure.com",
  identityType: "app",
};

function tokenOf(username: string, details: Record<string, string> = CLAIMS): Token {
  return new Token("eyJ0.eyJ1.c2ln", {
    username,
    receivedAtMs: 0,
    expiresAtMs: 1,
    refreshAtMs: undefined,
    details,
  });
}

/** As the servers put it: redis-server 6.2, 7.0.15 and 8.0.2, valkey-server 8.1.1, and Azure where it is known. */
const REPLIES: readonly (readonly [reply: string, rule: string, code: string])[] = [
  [WRONGPASS, "access-policy-missing", "AUTH_REFUSED"],
  ["ERR WRONGPASS invalid username-password pair", "access-policy-missing", "AUTH_REFUSED"],
  ["invalid username-password pair", "access-policy-missing", "AUTH_REFUSED"],
  ["NOAUTH Authentication required.", "authentication-required", "COMMAND_REFUSED"],
  [
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
    "authentication-required",
    "COMMAND_REFUSED",
  ],
  [
    "NOPERM this user has no permissions to run the 'set' command or its subcommand",
    "command-not-permitted",
    "PERMISSION_DENIED",
  ],
  [
    "NOPERM this user has no permissions to run the 'client|kill' command",
    "command-not-permitted",
    "PERMISSION_DENIED",
  ],
  [
    "NOPERM User u has no permissions to run the 'cluster|slots' command",
    "command-not-permitted",
    "PERMISSION_DENIED",
  ],
  [
    "ERR ACL failure in script: User u has no permissions to run the 'set' command script: 67ed, on @user_script:1.",
    "command-not-permitted",
    "PERMISSION_DENIED",
  ],
  [
    "ERR The user executing the script can't run this command or subcommand script: 67ed, on @user_script:1.",
    "command-not-permitted",
    "PERMISSION_DENIED",
  ],
  [
    "NOPERM this user has no permissions to access one of the keys used as arguments",
    "key-not-permitted",
    "PERMISSION_DENIED",
  ],
  ["NOPERM No permissions to access a key", "key-not-permitted", "PERMISSION_DENIED"],
  [
    "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments script: eefb",
    "key-not-permitted",
    "PERMISSION_DENIED",
  ],
  [
    "NOPERM this user has no permissions to access one of the channels used as arguments",
    "channel-not-permitted",
    "PERMISSION_DENIED",
  ],
  ["NOPERM No permissions to access a channel", "channel-not-permitted", "PERMISSION_DENIED"],
  ["MOVED 866 13.90.202.154:13000", "moved", "TOPOLOGY_MISMATCH"],
  ["ERR This instance has cluster support disabled", "cluster-client-on-single-server", "TOPOLOGY_MISMATCH"],
  [
    "Too many Cluster redirections. Last error: ReplyError: MOVED 866 13.90.202.154:13000",
    "cluster-redirects-endlessly",
    "COMMAND_REFUSED",
  ],
  ["CROSSSLOT Keys in request don't hash to the same slot", "keys-in-different-slots", "COMMAND_REFUSED"],
  ["ERR DB index is out of range", "database-not-available", "COMMAND_REFUSED"],
  [
    "ERR unknown command 'SELECT', with args beginning with: '1' ",
    "database-not-available",
    "COMMAND_REFUSED",
  ],
  ["ERR unknown command `RESET`, with args beginning with: ", "command-blocked", "COMMAND_REFUSED"],
  ["ERR unknown subcommand 'pause'. Try CLIENT HELP.", "command-blocked", "COMMAND_REFUSED"],
  ["ERR unknown command 'JSON.GET', with args beginning with: 'a' ", "command-unknown", "COMMAND_REFUSED"],
  ["ERR max number of clients reached", "max-clients", "CONNECTION_FAILED"],
  ["LOADING Redis is loading the dataset in memory", "server-loading", "COMMAND_REFUSED"],
  ["READONLY You can't write against a read only replica.", "replica-is-read-only", "COMMAND_REFUSED"],
  ["CLUSTERDOWN The cluster is down", "cluster-down", "COMMAND_REFUSED"],
  ["OOM command not allowed when used memory > 'maxmemory'.", "out-of-memory", "COMMAND_REFUSED"],
  [
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "server-busy",
    "COMMAND_REFUSED",
  ],
  [
    "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "server-busy",
    "COMMAND_REFUSED",
  ],
  ['Protocol error, got "H" as reply type byte', "reply-not-redis", "CONNECTION_FAILED"],
  ['Unknown RESP type 72 "H"', "reply-not-redis", "CONNECTION_FAILED"],
];

test.each(REPLIES)("%j is %s", (reply, rule, code) => {
  expect(explain(new Error(reply))).toMatchObject({ rule, code: `ERR_PASSWORDLESS_${code}` });
});

test("what a client wraps around a reply does not hide it", () => {
  const reply = new Error(WRONGPASS);
  for (const wrapped of [
    Object.assign(new Error("Failed to refresh slots cache."), { lastNodeError: reply }),
    Object.assign(new Error("stopped"), { originalError: new Error("no more"), socketError: reply }),
    Object.assign(new Error("EXECABORT"), { previousErrors: [new Error("x"), reply] }),
    new Error("outer", { cause: new AggregateError([new Error("x"), reply], "all") }),
  ]) {
    expect(explain(wrapped)?.rule).toBe("access-policy-missing");
  }
});

test("an error of the library keeps its cause and its remedy within the error of a client", () => {
  const own = new PasswordlessError("ERR_PASSWORDLESS_TOPOLOGY_MISMATCH", {
    message: "It is a cluster.",
    remedy: "Use `azureRedis(Cluster)`.",
    rule: "moved",
    details: { target: "redis", topology: "cluster" },
  });
  const wrapped = Object.assign(new Error("None of startup nodes is available"), { lastNodeError: own });
  expect(explain(wrapped)).toMatchObject({ rule: "moved", remedy: own.remedy, observed: own.observed });
});

describe("a refused login", () => {
  test.each<[string, Record<string, unknown>, string, string, readonly string[]]>([
    ["by a user name that is the client ID", { username: CLIENT_ID }, "username-is-client-id", "certain", []],
    ["by another user name", { username: OTHER_ID }, "username-not-object-id", "certain", []],
    ["with a token that had ended", { isTokenExpired: true }, "token-expired-at-login", "certain", []],
    [
      "with a token for another service",
      { audience: "https://management.azure.com/" },
      "token-for-other-audience",
      "likely",
      ["access-policy-missing", "entra-id-disabled"],
    ],
    [
      "without TLS",
      { isEncrypted: false, login: "entraId" },
      "entra-id-over-plaintext",
      "likely",
      ["access-policy-missing", "entra-id-disabled"],
    ],
    ["with an access key", { login: "accessKey", username: "default" }, "access-key-refused", "likely", []],
    [
      "of an application",
      {},
      "access-policy-missing",
      "likely",
      ["control-plane-role", "application-object-id", "entra-id-disabled", "cache-in-other-tenant"],
    ],
    [
      "of a managed identity",
      { resourceId: "/subscriptions/x" },
      "access-policy-missing",
      "likely",
      ["control-plane-role", "entra-id-disabled", "cache-in-other-tenant"],
    ],
    [
      "of a person",
      { identityType: "user" },
      "access-policy-missing",
      "likely",
      ["control-plane-role", "group-assigned", "entra-id-disabled", "cache-in-other-tenant"],
    ],
    [
      "where another identity gets in",
      { otherIdentityAccepted: OTHER_ID },
      "access-policy-missing",
      "certain",
      [],
    ],
  ])("%s", (_, facts, rule, certainty, alternatives) => {
    const explanation = explain(new Error(WRONGPASS), { username: OBJECT_ID, ...CLAIMS, ...facts });
    expect(explanation).toMatchObject({ rule, certainty });
    expect(explanation?.alternatives.map(({ rule }) => rule)).toEqual(alternatives);
  });

  test("the audience of Redis, in each of its forms, is the right one", () => {
    for (const audience of [
      "https://redis.azure.com",
      "https://redis.azure.com/",
      "acca5fbb-b7e4-4009-81f1-37e38fd66d78",
    ]) {
      const explanation = explain(new Error(WRONGPASS), { ...CLAIMS, username: OBJECT_ID, audience });
      expect(explanation?.rule).toBe("access-policy-missing");
    }
  });

  test("is raised with its cause, by what the token says of itself", () => {
    const error = refusedError("cache.example:10000", tokenOf(CLIENT_ID), WRONGPASS, { isEncrypted: true });
    expect(error).toMatchObject({
      code: "ERR_PASSWORDLESS_AUTH_REFUSED",
      rule: "username-is-client-id",
      retryable: true,
      details: {
        target: "redis",
        host: "cache.example",
        port: 10_000,
        isEncrypted: true,
        login: "entraId",
        username: CLIENT_ID,
        ...CLAIMS,
      },
    });
    expect(error.remedy).toContain(OBJECT_ID);
    expect(explain(error)).toMatchObject({ rule: error.rule, remedy: error.remedy, docsUrl: error.docsUrl });
  });

  test("what is not about the token does not say so", () => {
    const error = refusedError("cache:1", tokenOf(OBJECT_ID), "ERR max number of clients reached");
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_CONNECTION_FAILED", rule: "max-clients" });
  });

  test("an answer that nobody has met keeps the code's own explanation", () => {
    const error = refusedError("cache:1", tokenOf(OBJECT_ID), "ERR teapot");
    expect(error).toMatchObject({
      code: "ERR_PASSWORDLESS_AUTH_REFUSED",
      rule: "err_passwordless_auth_refused",
    });
  });

  test("only what an identity is known by gets into the details", () => {
    const error = refusedError("cache:1", tokenOf(OBJECT_ID, { ...CLAIMS, session: "private" }), WRONGPASS);
    expect(JSON.stringify(error.details)).not.toMatch(/private|eyJ0/);
  });
});

describe("what is not permitted", () => {
  test.each([
    ["NOPERM User u has no permissions to run the 'set' command", "+set", "Data Owner and Data Contributor"],
    ["NOPERM User u has no permissions to run the 'client|kill' command", "+client|kill", "only Data Owner"],
    ["NOPERM this user has no permissions to run the 'info' command", "+info", "only Data Owner"],
  ])("%s: the remedy names what the policy lacks, and who has it", (reply, rights, policies) => {
    const remedy = explain(new Error(reply))?.remedy;
    expect(remedy).toContain(`\`${rights}\``);
    expect(remedy).toContain(policies);
  });

  test("the key or channel, where it is known, is in the remedy", () => {
    const key = explain(new Error("NOPERM No permissions to access a key"), { key: "cache:1" });
    expect(key?.remedy).toContain("`~cache:1`");
    // ACL DRYRUN
    const channel = explain(new Error("User u has no permissions to access the 'news' channel"));
    expect(channel?.remedy).toContain("`&news`");
  });
});

test("a blocked command is certain once the product is known", () => {
  const reply = new Error("ERR unknown command 'RESET', with args beginning with: ");
  expect(explain(reply)).toMatchObject({ certainty: "likely", alternatives: [{ rule: "command-unknown" }] });
  expect(explain(reply, { product: "managedRedis" })).toMatchObject({
    rule: "command-blocked",
    certainty: "certain",
    meaning: expect.stringContaining("reset") as string,
  });
});
