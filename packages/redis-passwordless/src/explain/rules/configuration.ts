import type { ErrorCode } from "../../core/errors.js";
import type { Facts } from "../facts.js";
import type { Rule } from "../rule.js";

// What raises these errors knows the cause, and names the values that differ in a remedy of its own.

function ofClient(
  clientProblem: NonNullable<Facts["clientProblem"]>,
  code: ErrorCode = "ERR_PASSWORDLESS_CLIENT_UNSUPPORTED",
): Pick<Rule, "code" | "when" | "given"> {
  return { code, when: [{ library: code }], given: [{ fact: "clientProblem", is: clientProblem }] };
}

function ofEnvironment(
  contradiction: NonNullable<Facts["contradiction"]>,
): Pick<Rule, "code" | "when" | "given"> {
  const code = "ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY";
  return { code, when: [{ library: code }], given: [{ fact: "contradiction", is: contradiction }] };
}

/** Clients that cannot be kept logged in, and settings of which only one can be meant. */
export const CONFIGURATION_RULES: readonly Rule[] = [
  {
    id: "connection-held",
    ...ofClient("connectionHeld", "ERR_PASSWORDLESS_AUTH_TIMEOUT"),
    certainty: "likely",
    meaning:
      "an open transaction or a command that blocks holds the connection, so the login waits behind it",
    remedy:
      "End transactions in time, give blocking commands a finite timeout, or, with node-redis, attach the client to this library.",
    alternatives: ["server-silent"],
    isRetryable: true,
  },
  {
    id: "subscriber-without-resp3",
    ...ofClient("subscriberWithoutResp3"),
    meaning: "a connection with subscriptions in RESP2 may not send AUTH, so it is cut when its token ends",
    remedy: "Subscribe with RESP 3, or attach the client to this library, if it is one of node-redis.",
  },
  {
    id: "login-in-transaction",
    ...ofClient("loginInTransaction"),
    meaning: "a login became part of a transaction that was written by hand",
    remedy: "Attach the client to this library, or use the client's own `multi()`.",
    isRetryable: true,
  },
  {
    id: "client-not-attachable",
    ...ofClient("notAttachable"),
    meaning: "what was given to `attach` is no client that it knows, or one whose connections cannot be seen",
    remedy:
      "Pass a client of `createClient`, a pool or a cluster of node-redis 5.12 or 6, or what `new Redis()` or `new Cluster()` of ioredis returns.",
  },
  {
    id: "client-class-unknown",
    ...ofClient("unknownClass"),
    meaning: "what was given is not the class that belongs there",
    remedy:
      "Pass `Redis` or `Cluster` of ioredis 5 or later, or of iovalkey, with the options that belong to it.",
  },
  {
    id: "client-too-old",
    ...ofClient("tooOld"),
    meaning: "this version of the client lacks what a login needs",
    remedy: "Use ioredis 5 or later, or iovalkey.",
  },
  {
    id: "addresses-differ",
    ...ofEnvironment("addresses"),
    meaning: "two settings name different servers",
    remedy: "Unset the one that is not meant, or give the option `endpoint`.",
  },
  {
    id: "access-keys-differ",
    ...ofEnvironment("keys"),
    meaning: "two settings hold different access keys",
    remedy: "Unset the one that is not meant.",
  },
  {
    id: "access-key-and-identity",
    ...ofEnvironment("keyAndIdentity"),
    meaning: "there is an access key, and an identity beside it, and only one of them can log in",
    remedy: "Unset the one that is not meant, or give the option `entraId: {}` to log in with the identity.",
  },
  {
    id: "access-key-of-other-cache",
    ...ofEnvironment("keyOfOtherCache"),
    meaning: "the access key belongs to another cache than the one that the option `endpoint` names",
    remedy: "Unset the key, or give the option `entraId: {}` to log in with an identity.",
  },
  {
    id: "service-principal-incomplete",
    ...ofEnvironment("incompletePrincipal"),
    meaning: "there is a client secret without the client ID or the tenant ID that belongs to it",
    remedy: "Set what is missing, or unset the secret.",
  },
  {
    id: "authority-of-other-cloud",
    ...ofEnvironment("cloud"),
    meaning: "AZURE_AUTHORITY_HOST belongs to another cloud than the cache",
    remedy:
      "Set AZURE_AUTHORITY_HOST to the authority of the cache's cloud, or say which is meant with the option `entraId: { cloud }`.",
  },
];
