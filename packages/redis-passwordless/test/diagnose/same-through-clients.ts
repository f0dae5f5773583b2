import type { Emulator } from "azure-redis-emulator";
import type { EntraIdOptions } from "../../src/azure/entra-id.js";
import { freePort } from "../support/redis-processes.js";

/** The caches of these tests; nothing is changed in them, so they serve all at once. */
export interface Caches {
  readonly single: Emulator;
  readonly cluster: Emulator;
  /** Where a server answers in plain text, whatever it is sent. */
  readonly plaintextPort: number;
}

/** How an application is set up. */
export interface Application {
  readonly identity: EntraIdOptions;
  readonly host: string;
  readonly port: number;
  /** The authorities that it trusts. */
  readonly ca: string | undefined;
  /** What it sends, once it is connected. */
  readonly commands: readonly (readonly string[])[];
}

export interface BrokenApplication {
  readonly name: string;
  setUp(caches: Caches): Application | Promise<Application>;
  /** What the application hears, by the error's own properties or from `explain`. */
  readonly expected: { readonly code: string; readonly rule: string; readonly says: RegExp };
}

/** A GUID that names nothing. */
const NOBODY = "3f9d0c3e-6c0e-4b8a-9d6b-0f6f2f0a9c11";

function at({ redis, caCertificate }: Emulator, identity: EntraIdOptions): Application {
  return { identity, host: redis.host, port: redis.port, ca: caCertificate, commands: [] };
}

function managed(clientId?: string): EntraIdOptions {
  return { managedIdentity: clientId === undefined ? true : { clientId } };
}

function principal({ tenantId, authorityHost, caCertificate }: Emulator, clientId: string, secret: string) {
  return { tenantId, clientId, clientSecret: secret, authorityHost, ca: caCertificate };
}

/** One identity that logs in under a user name of its own choice. */
function named(azure: Emulator, username: string): EntraIdOptions {
  const { objectId } = azure.userIdentity;
  return { identityProvider: async () => ({ token: await azure.issueToken(objectId), username }) };
}

/** Set-ups that cannot work, each with what is to be heard of it, whichever client it is. */
export const BROKEN_APPLICATIONS: readonly BrokenApplication[] = [
  {
    name: "a wrong secret",
    setUp: ({ single }) =>
      at(single, principal(single, single.servicePrincipal.clientId, "not~the~secret~of~this~one")),
    expected: { code: "IDENTITY_REJECTED", rule: "client-secret-wrong", says: /Value/ },
  },
  {
    name: "a secret that has expired",
    setUp: ({ single }) => {
      const expired = single.addServicePrincipal({ secretExpired: true });
      return at(single, principal(single, expired.clientId, expired.secret ?? ""));
    },
    expected: { code: "IDENTITY_REJECTED", rule: "client-secret-expired", says: /secret/ },
  },
  {
    name: "a managed identity that is not attached",
    setUp: ({ single }) => at(single, managed(NOBODY)),
    expected: { code: "IDENTITY_REJECTED", rule: "managed-identity-not-attached", says: /attach|assign/i },
  },
  {
    name: "an identity without an access policy",
    setUp: ({ single }) =>
      at(single, managed(single.addManagedIdentity({ kind: "user", accessPolicy: null }).clientId)),
    expected: { code: "AUTH_REFUSED", rule: "access-policy-missing", says: /access policy on localhost/ },
  },
  {
    name: "the client ID as the user name",
    setUp: ({ single }) => at(single, named(single, single.userIdentity.clientId)),
    expected: { code: "AUTH_REFUSED", rule: "username-is-client-id", says: /Leave `username` out/ },
  },
  {
    name: "another object ID as the user name",
    setUp: ({ single }) => at(single, named(single, NOBODY)),
    expected: { code: "AUTH_REFUSED", rule: "username-not-object-id", says: /Leave `username` out/ },
  },
  {
    name: "a port on which nobody listens",
    setUp: async ({ single }) => ({ ...at(single, managed()), port: await freePort() }),
    expected: { code: "CONNECTION_FAILED", rule: "connection-refused", says: /Check the port/ },
  },
  {
    name: "an IP address, which the certificate does not cover",
    setUp: ({ single }) => ({ ...at(single, managed()), host: "127.0.0.1" }),
    expected: { code: "CONNECTION_FAILED", rule: "certificate-has-no-ip-addresses", says: /host name/ },
  },
  {
    name: "an authority that is not trusted",
    setUp: ({ single }) => ({ ...at(single, managed()), ca: undefined }),
    expected: { code: "CONNECTION_FAILED", rule: "certificate-untrusted", says: /`ca`/ },
  },
  {
    name: "a host name that nobody knows",
    setUp: ({ single }) => ({ ...at(single, managed()), host: "no-such-cache.invalid" }),
    expected: { code: "CONNECTION_FAILED", rule: "host-not-found", says: /no-such-cache\.invalid/ },
  },
  {
    name: "the port that speaks plain text",
    setUp: ({ single, plaintextPort }) => ({ ...at(single, managed()), port: plaintextPort }),
    expected: { code: "CONNECTION_FAILED", rule: "plaintext-port", says: /Use the port for TLS/ },
  },
  {
    name: "a command that the policy does not allow",
    setUp: ({ single }) => {
      const reader = single.addManagedIdentity({ kind: "user", accessPolicy: "Data Reader" });
      return { ...at(single, managed(reader.clientId)), commands: [["SET", "a", "1"]] };
    },
    expected: { code: "PERMISSION_DENIED", rule: "command-not-permitted", says: /`\+set`/ },
  },
  {
    name: "a key that the policy does not cover",
    setUp: ({ single }) => {
      const narrow = single.addManagedIdentity({ kind: "user", accessPolicy: "+@all ~cache:*" });
      return { ...at(single, managed(narrow.clientId)), commands: [["GET", "other"]] };
    },
    expected: { code: "PERMISSION_DENIED", rule: "key-not-permitted", says: /`~pattern`/ },
  },
  {
    name: "a client for one server at a cluster",
    setUp: ({ cluster }) => ({
      ...at(cluster, managed()),
      // One key for each of three masters.
      commands: ["b", "c", "a"].map((key) => ["SET", key, "1"]),
    }),
    expected: { code: "TOPOLOGY_MISMATCH", rule: "moved", says: /Use a cluster client/ },
  },
  {
    name: "a command that the server does not know",
    setUp: ({ single }) => ({ ...at(single, managed()), commands: [["JSON.GET", "a"]] }),
    expected: { code: "COMMAND_REFUSED", rule: "command-unknown", says: /json\.get/ },
  },
];
