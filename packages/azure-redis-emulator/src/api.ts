/** The public face of the emulator: everything that a test can start, change, break and look at. */

/**
 * What an identity may do on the cache. Azure Cache for Redis has `Data Owner`, `Data Contributor`, `Data Reader` and
 * ACL strings of your own; Azure Managed Redis has `default`, which is everything, and such strings, as in
 * `+@read ~cache:*`. All of them work with each `product`.
 */
export type AccessPolicy = "default" | "Data Owner" | "Data Contributor" | "Data Reader" | (string & {});

export interface ManagedIdentityInit {
  readonly kind: "system" | "user";
  /** Defaults to a random GUID each. */
  readonly objectId?: string;
  readonly clientId?: string;
  /** `/subscriptions/…/userAssignedIdentities/name`; only user-assigned identities have one. */
  readonly resourceId?: string;
  /** Access policy on the cache; `null` leaves the identity without an assignment. Default `"Data Owner"`. */
  readonly accessPolicy?: AccessPolicy | null;
  /** Life of its tokens; overrides the emulator's. */
  readonly tokenLifetimeMs?: number;
  /**
   * Life of the endpoint's own cache: the same token is served again until this long before its end.
   * Default 0 (each request gets a new token); Azure's platform caches for hours.
   */
  readonly cacheUntilMsBeforeExpiry?: number;
  /** Federated identity credentials; only user-assigned identities have them (AKS workload identity). */
  readonly federatedCredentials?: readonly FederatedCredential[];
}

export interface ServicePrincipalInit {
  readonly objectId?: string;
  readonly clientId?: string;
  readonly secret?: string;
  /** An expired secret is recognised and answered with AADSTS7000222. */
  readonly secretExpired?: boolean;
  /** PEM of the certificates registered with the application. */
  readonly certificates?: readonly string[];
  /** Federated identity credentials of the application. */
  readonly federatedCredentials?: readonly FederatedCredential[];
  readonly accessPolicy?: AccessPolicy | null;
  readonly tokenLifetimeMs?: number;
}

/** A person with an account in the tenant, such as the developer at a laptop. */
export interface UserInit {
  /** Name to sign in with. Default: one that nobody else has, such as `user-1b2c3d4e@emulator.onmicrosoft.com`. */
  readonly userPrincipalName?: string;
  readonly objectId?: string;
  readonly accessPolicy?: AccessPolicy | null;
  readonly tokenLifetimeMs?: number;
}

/** A device code that waits for its user. */
export interface DeviceCode {
  /** What the user types on the page. */
  readonly userCode: string;
  readonly clientId: string;
  /** The page, with the code filled in. */
  readonly verificationUri: string;
  /** Epoch milliseconds. */
  readonly expiresAtMs: number;
}

export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  /** Default `api://AzureADTokenExchange`. */
  readonly audience?: string;
}

export interface Identity {
  /** `"user"` is a user-assigned managed identity, `"developer"` a person. */
  readonly kind: "system" | "user" | "servicePrincipal" | "developer";
  readonly objectId: string;
  /** A person has none: of theirs it is Azure CLI's, the client that {@link Emulator.issueToken} names. */
  readonly clientId: string;
  /** Of a person only. */
  readonly userPrincipalName?: string;
  readonly resourceId?: string;
  readonly secret?: string;
}

export interface EmulatorOptions {
  readonly tenantId?: string;
  /** Life of a token unless its identity says otherwise. Default 3 600 000 (Entra ID: 60 to 90 minutes). */
  readonly tokenLifetimeMs?: number;
  /** Shape of issued tokens. Default `"v1"`, what Azure is expected to issue for Redis. */
  readonly tokenVersion?: "v1" | "v2";
  readonly redis?: {
    /** An existing Redis, as `redis://user:password@host:port`; without it the emulator starts one. */
    readonly url?: string;
    /** Path of redis-server or valkey-server; default `REDIS_SERVER_BIN`, then PATH. */
    readonly bin?: string;
    /** Further arguments for the server, each of them in a cluster. */
    readonly args?: readonly string[];
    /**
     * Blocks what this product blocks: Azure Managed Redis (which has one database only) or Azure Cache for Redis.
     * Such a command gets the server's reply to an unknown one. Default: none, the real server with all it can do.
     */
    readonly product?: "managedRedis" | "cacheForRedis";
    /**
     * The cache's access key, `true` for a random one: then `AUTH key`, `AUTH default key` and
     * `HELLO 3 AUTH default key` log in, to everything and without an end, also without TLS. Their events have the
     * `objectId` `"accessKey"`. Default: only tokens log in, as new caches of Azure Managed Redis have it.
     */
    readonly accessKey?: string | true;
    /**
     * Starts an OSS cluster instead of one server, each node behind a gateway of its own. Needs Redis 7.0 or
     * later, or Valkey. Default: no cluster.
     */
    readonly cluster?: {
      /**
       * Clustering policy. `"oss"`, the default: clients see the nodes. `"enterprise"`, of Azure Managed Redis: one
       * endpoint and no `CLUSTER` commands; keys of one command, transaction or script must be in the same slot,
       * except those of `DEL`, `EXISTS`, `MGET`, `MSET`, `TOUCH` and `UNLINK`. It implies the `product`
       * `"managedRedis"` and excludes the other fields here.
       */
      readonly policy?: "oss" | "enterprise";
      /** 3 or more. Default 3. */
      readonly masters?: number;
      /** Replicas of each master. Default 0. */
      readonly replicas?: number;
      /**
       * How nodes announce themselves. `"hostname"`, the default: under the name that the certificate covers,
       * `localhost`. `"ip"`, as Azure does: under IP addresses that no certificate covers (127.0.0.1; after a
       * failover 127.0.0.2 and so on), where they can be reached. `"unreachableIp"`, as behind a private endpoint
       * seen from outside of its network: under addresses that nobody can reach (192.0.2.1 and so on), so that
       * clients have to use the name of the endpoint with the port that is announced.
       */
      readonly announce?: "hostname" | "ip" | "unreachableIp";
    };
  };
  readonly gateway?: {
    /** Default 600 000, Azure's 10 minutes; 0 switches it off. */
    readonly idleTimeoutMs?: number;
    /** Fixed port; default a free one. The further nodes of a cluster have the ports that follow it. */
    readonly port?: number;
  };
  readonly deviceCode?: {
    /** How often a client may ask whether its user has signed in, in whole seconds. Default 5 000, as Entra ID. */
    readonly intervalMs?: number;
    /** How long the user has, in whole seconds. Default 900 000, as Entra ID. */
    readonly lifetimeMs?: number;
  };
  /** Port of the HTTP control; default a free one. */
  readonly controlPort?: number;
}

/** Which requests a fault applies to. */
export type FaultTarget = "authority" | "imds" | "appService";

/** Where a managed identity gets its tokens: on a virtual machine, or in App Service and Container Apps. */
export type ManagedIdentityEndpoint = "imds" | "appService";

/** What happens to a matching token request instead of the regular answer. */
export type TokenFault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly retryAfter?: string;
      readonly body?: unknown;
      readonly contentType?: string;
    }
  | { readonly kind: "delay"; readonly delayMs: number }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" }
  | { readonly kind: "malformed"; readonly body?: string }
  | {
      /** Entra ID's refusal by this number (`AADSTSnnnn`), in its own words where the emulator knows them. */
      readonly kind: "entraError";
      readonly number: number;
      /** The text behind the number. */
      readonly message?: string;
    }
  | { readonly kind: "expiredToken" }
  | { readonly kind: "badSignature" }
  | { readonly kind: "sameToken" };

/** What happens to a login on the Redis gateway. Refusals are passed on to the real server, so its own behaviour shows. */
export type LoginFault =
  | { readonly kind: "refuse" }
  | { readonly kind: "delay"; readonly delayMs: number }
  | { readonly kind: "hang" }
  | { readonly kind: "close" };

/** What happens to a connection to the gateway's ports with TLS, before anybody can log in. */
export interface ConnectionFault {
  /**
   * `"silent"`: it is accepted and never answered. `"reset"`: it is reset (RST) when the client has sent
   * something. `"close"`: it is closed at once.
   */
  readonly kind: "silent" | "reset" | "close";
  /** `"connected"`, the default: before the TLS handshake. `"encrypted"`: when that is done. */
  readonly stage?: "connected" | "encrypted";
}

/** A certificate for a node of the cache; what is left out is as usual. */
export interface CertificateInit {
  /** DNS names. Default `["localhost"]`. */
  readonly names?: readonly string[];
  /**
   * `"expired"`: it ended yesterday. `"notYetValid"`: it begins tomorrow. `"untrusted"`: an authority signed it that
   * nobody knows.
   */
  readonly state?: "expired" | "notYetValid" | "untrusted";
}

export interface FaultScope {
  /** How many requests it applies to. Default: until removed. */
  readonly times?: number;
  /** Only for this identity. */
  readonly objectId?: string;
}

export interface ActiveFault extends Disposable {
  /** How often it has been applied. */
  readonly applied: number;
  remove(): void;
}

export type EmulatorEvent =
  | {
      readonly type: "tokenRequest";
      readonly atMs: number;
      readonly endpoint: FaultTarget;
      readonly objectId?: string;
      readonly status: number;
      readonly issued: boolean;
      readonly tokenId?: string;
      readonly query: Readonly<Record<string, string>>;
      readonly headers: Readonly<Record<string, string>>;
    }
  | {
      readonly type: "login";
      readonly atMs: number;
      readonly connectionId: number;
      readonly objectId: string;
      readonly tokenId?: string;
      readonly command: "AUTH" | "HELLO";
      readonly accepted: boolean;
      readonly reason?: string;
    }
  | {
      /** A user signs in to a client; the token follows as a `tokenRequest`. */
      readonly type: "signIn";
      readonly atMs: number;
      readonly flow: "browser" | "deviceCode";
      /** A device code is requested first, and approved or declined later; a browser signs in at once. */
      readonly outcome: "requested" | "approved" | "declined";
      readonly clientId: string;
      readonly objectId?: string;
      /** What the user types on the page. */
      readonly userCode?: string;
    }
  | {
      readonly type: "failover";
      readonly atMs: number;
      readonly kind: "planned" | "unplanned";
      readonly phase: "started" | "promoted" | "ended";
      /** Index in `redis.nodes`: of the master that loses its place when it has started, of its successor then. */
      readonly node: number;
    }
  | { readonly type: "connected"; readonly atMs: number; readonly connectionId: number }
  | {
      readonly type: "disconnected";
      readonly atMs: number;
      readonly connectionId: number;
      readonly reason: "client" | "tokenExpired" | "idle" | "killed" | "server" | "fault";
    };

/** Which variables {@link Emulator.env} has. */
export interface EnvironmentOptions {
  /** Default `"imds"`. */
  readonly managedIdentityEndpoint?: ManagedIdentityEndpoint;
  /**
   * The variables of Service Connector in the place of `REDIS_URL` and those by which an Azure SDK chooses the
   * identity: `AZURE_REDIS_HOST`, and for some identities `AZURE_REDIS_CLIENTID`, `AZURE_REDIS_CLIENTSECRET` and
   * `AZURE_REDIS_TENANTID`; or with a prefix of your own. The host has the emulator's port, as in `localhost:41234`;
   * Azure's has none. Default: not these.
   */
  readonly serviceConnector?: true | string;
  /** With `serviceConnector`: `AZURE_REDIS_CONNECTIONSTRING` with the access key, instead of an identity. */
  readonly accessKey?: boolean;
}

/** How many events there have been. */
export interface Counters {
  readonly tokenRequests: number;
  readonly tokensIssued: number;
  readonly loginsAccepted: number;
  readonly loginsRefused: number;
  readonly connected: number;
  readonly disconnected: number;
}

/** A gateway and the server behind it. */
export interface RedisNode {
  /** `localhost`, also where the cluster announces IP addresses: the name to connect by. */
  readonly host: string;
  readonly port: number;
  /** Address of the real server, as {@link RedisGateway.backendUrl}. */
  readonly backendUrl: string;
  /**
   * What it is now. Somebody else's failover, ordered at {@link backendUrl}, shows when the emulator next does
   * something to the cluster.
   */
  readonly role: "master" | "replica";
  /** Where the cluster sends clients that want this node, in `CLUSTER SLOTS`, `MOVED` and `ASK`, now. */
  readonly announced: { readonly host: string; readonly port: number };
  /** False after an unplanned failover, until the node is revived. */
  readonly isRunning: boolean;
}

export interface FailoverOptions {
  /** Index in `nodes` of the master that loses its place. Default: the first one that is a master. */
  readonly node?: number;
  /**
   * `"planned"`, the default: a replica takes over without loss (`CLUSTER FAILOVER`), then the connections to the
   * old master are closed, which stays as a replica. `"unplanned"`: the master is killed (SIGKILL), its gateway
   * closes connections and ports, and the cluster itself finds out and elects the replica. What the replica had
   * not received yet is lost, as it is on Azure.
   */
  readonly kind?: "planned" | "unplanned";
  /**
   * Whether the new master is announced under an address that no node has had before: with `announce: "ip"`
   * 127.0.0.2, then 127.0.0.3, with `"unreachableIp"` 192.0.2.2, and so on. Default true, except for nodes that
   * are announced by host name.
   */
  readonly newAddress?: boolean;
  /** Publishes Azure's notifications before and after it, as {@link RedisGateway.publishMaintenance}. Default false. */
  readonly announceMaintenance?: boolean;
}

/** What Azure Cache for Redis tells about the maintenance of a node. */
export interface MaintenanceEvent {
  readonly type:
    | "NodeMaintenanceScheduled"
    | "NodeMaintenanceStarting"
    | "NodeMaintenanceStart"
    | "NodeMaintenanceFailoverComplete"
    | "NodeMaintenanceEnded";
  /** Default now; `NodeMaintenanceStart` and `NodeMaintenanceFailoverComplete` have none of themselves. */
  readonly startTimeUtc?: Date;
  /** Default: what the node is now. */
  readonly isReplica?: boolean;
  /** Index in `nodes` of the node that it is about. Default 0. */
  readonly node?: number;
}

/** The cache. What it does and counts, it does and counts on all nodes of a cluster. */
export interface RedisGateway {
  /** `localhost`: the certificate covers DNS names only. */
  readonly host: string;
  /**
   * In a cluster this is the first node's, as are `url`, `plaintextPort` and `backendUrl`; nobody listens there
   * while that node is killed.
   */
  readonly port: number;
  /** `rediss://localhost:PORT` */
  readonly url: string;
  /** A second listener without TLS, which refuses Entra ID logins as Azure does. */
  readonly plaintextPort: number;
  /** Address of the real server behind the gateway, for assertions past the gateway: `redis://…` with its password. */
  readonly backendUrl: string;
  /** The nodes of the cluster, those first that start as masters; one without a cluster. Always the same objects. */
  readonly nodes: readonly RedisNode[];
  /** The access key, when `redis.accessKey` has asked for one. */
  readonly accessKey: string | undefined;
  /** Version line of the server behind the gateway, e.g. `redis 7.0.15`, `valkey 8.1.1`. */
  readonly server: string;
  /** Connections that are open now. */
  readonly connectionCount: number;
  /** Breaks connections now, all or those of one identity; returns how many. */
  killConnections(filter?: { readonly objectId?: string }): number;
  /**
   * Stops the real server and starts it again on the same port, with its data; connections drop. In a cluster
   * all of those at once that run; resolves when it serves again.
   */
  restart(): Promise<void>;
  /**
   * Makes a replica the master. Resolves when all running nodes agree and all slots are served; the event
   * `failover` tells how far it is. Failovers, revivals and restarts happen one after the other.
   *
   * @throws {RangeError} when an option is none or the node is no master.
   * @throws {Error} when there is no cluster, or the master has no replica that runs.
   */
  failover(options?: FailoverOptions): Promise<{ readonly from: RedisNode; readonly to: RedisNode }>;
  /**
   * Starts a node again that an unplanned failover has killed, without the data it had; resolves when it follows
   * its new master and clients can connect to it.
   *
   * @throws {Error} when there is no cluster, or the node runs.
   */
  revive(node: number): Promise<void>;
  /**
   * Shows another certificate to whoever connects to a node from now on, for these DNS names and signed by the
   * same authority, or one that has expired, is not valid yet or is signed by an unknown authority: a client must
   * refuse a node that shows the wrong one. `null` restores the regular one.
   */
  useCertificate(node: number, certificate: readonly string[] | CertificateInit | null): Promise<void>;
  /**
   * Has every node speak nothing later than this version with whoever connects from now on, as a server that is
   * out of date or behind an old proxy; `null` for TLS 1.2 and 1.3, what Azure speaks.
   */
  setOutdatedTls(version: "TLSv1" | "TLSv1.1" | null): void;
  /**
   * Switches Entra ID authentication off on the cache, or on again. While it is off tokens are refused as wrong
   * passwords are, and access keys work. Switching it off closes all connections: chosen, not sourced; Azure
   * documents that of switching access keys off.
   */
  setEntraId(enabled: boolean): void;
  /**
   * How many clients may be connected to each node; the next one is refused as Redis does it ("ERR max number of
   * clients reached"). `null` for any number.
   */
  setMaxClients(count: number | null): void;
  /**
   * Publishes a notification on the channel `AzureRedisEvents`, in the format of Azure Cache for Redis; each
   * subscriber of the cache gets it once, whichever node it is connected to.
   *
   * @see https://github.com/Azure/AzureCacheForRedis/blob/main/AzureRedisEvents.md
   */
  publishMaintenance(event: MaintenanceEvent): Promise<void>;
  injectFault(
    fault: LoginFault,
    scope?: FaultScope & { /** Skip this many logins first. */ readonly after?: number },
  ): ActiveFault;
  /** Breaks connections before anybody can log in. Faults queue up as at logins. */
  injectConnectionFault(
    fault: ConnectionFault,
    scope?: {
      /** How many connections it applies to. Default: until removed. */
      readonly times?: number;
      /** Index in `nodes`. Default: all of them. */
      readonly node?: number;
    },
  ): ActiveFault;
}

export interface Emulator extends AsyncDisposable {
  readonly tenantId: string;
  /** The certificate authority that signed every certificate here, PEM. */
  readonly caCertificate: string;
  /** The same in a file, for `NODE_EXTRA_CA_CERTS`. */
  readonly caFile: string;
  /** Entra ID: base address, `https://localhost:PORT` (an `AZURE_AUTHORITY_HOST`). */
  readonly authorityHost: string;
  /** IMDS: `http://127.0.0.1:PORT` (an `AZURE_POD_IDENTITY_AUTHORITY_HOST`). */
  readonly imdsHost: string;
  /** App Service, Functions, Container Apps: `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`. */
  readonly appService: { readonly endpoint: string; readonly header: string };
  readonly redis: RedisGateway;
  /** HTTP control, for tests in other languages: `http://127.0.0.1:PORT`. */
  readonly controlUrl: string;
  /** The default identities: one of each kind, all with the policy `Data Owner`. */
  readonly systemIdentity: Identity;
  readonly userIdentity: Identity;
  readonly servicePrincipal: Identity;
  /** The person who signs in where a login names nobody: `developer@emulator.onmicrosoft.com`. */
  readonly developer: Identity;

  /** All identities, the default ones first. */
  readonly identities: readonly Identity[];

  addManagedIdentity(init: ManagedIdentityInit): Identity;
  addServicePrincipal(init: ServicePrincipalInit): Identity;
  addUser(init?: UserInit): Identity;
  /** The device codes that wait for their user, oldest first. */
  readonly deviceCodes: readonly DeviceCode[];
  /**
   * Signs a user (default: `developer`) in with a device code, as the page does that the client shows.
   *
   * @throws {Error} when no such code waits
   */
  approveDeviceCode(userCode: string, objectId?: string): void;
  /** Refuses a device code, as the user may on that page. */
  declineDeviceCode(userCode: string): void;
  /** Ends a user's sign-ins, as an administrator can: refresh tokens are refused (AADSTS50173), access tokens live on. */
  signOut(objectId: string): void;
  removeIdentity(objectId: string): void;
  /** Gives an identity an access policy on the cache, or changes it; open connections keep running. */
  assign(objectId: string, policy: AccessPolicy): Promise<void>;
  /** Takes the assignment away; logins are refused from now on. */
  revoke(objectId: string): Promise<void>;
  setTokenLifetime(lifetimeMs: number, objectId?: string): void;
  /** Moves the emulator's clock against the machine's: its tokens' times and its `Date` headers. */
  setClockOffset(offsetMs: number): void;
  injectFault(target: FaultTarget | "all", fault: TokenFault, scope?: FaultScope): ActiveFault;
  clearFaults(): void;
  /** Signs a token as Entra ID would, with claims of your choice; `undefined` removes a claim. */
  issueToken(objectId: string, claims?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Signs a federated assertion that the issuer `federationIssuer` stands for. */
  issueFederatedToken(claims: {
    readonly subject: string;
    readonly audience?: string;
    readonly issuer?: string;
    readonly expiresInMs?: number;
  }): Promise<string>;
  /** The issuer of `issueFederatedToken`, for a {@link FederatedCredential}. */
  readonly federationIssuer: string;

  /** Everything that has happened, oldest first. */
  readonly events: readonly EmulatorEvent[];
  readonly counters: Counters;
  /** Resolves with the first event from now on (or from `since`, an index into `events`) that matches. */
  waitFor<T extends EmulatorEvent["type"]>(
    type: T,
    match?: (event: Extract<EmulatorEvent, { type: T }>) => boolean,
    options?: { readonly since?: number; readonly signal?: AbortSignal },
  ): Promise<Extract<EmulatorEvent, { type: T }>>;
  /**
   * The environment that points Azure SDKs and this emulator's users at it, as this identity (default: the
   * system-assigned one): `NODE_EXTRA_CA_CERTS`, `AZURE_AUTHORITY_HOST`, `REDIS_URL`, `AZURE_REDIS_EMULATOR_URL`
   * (the control address), and what makes an Azure SDK choose that identity.
   *
   * @throws {TypeError} when `serviceConnector` is no prefix, or there is no access key to give.
   */
  env(identity?: Identity, options?: EnvironmentOptions): Record<string, string>;
  close(): Promise<void>;
}
