import type { Rule, Signal } from "../rule.js";

const from = "redis";
const TIMEOUT: Signal = { says: /^Connection timeout$|connect ETIMEDOUT|no answer within/i, from };
const UNREACHABLE: readonly Signal[] = [
  { network: /^(?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN)$/, from },
  TIMEOUT,
];
const CUT_IN_HANDSHAKE: Signal = { says: /before secure TLS connection was established/, from };
/** Of OpenSSL, by what it makes of bytes that are no TLS. */
const NO_TLS: readonly Signal[] = [
  { network: /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$/, from },
  { says: /wrong version number|packet length too long|http request/i, from },
];
const OTHER_NAME: Signal = { network: /^ERR_TLS_CERT_ALTNAME_INVALID$/, from };

const MANAGED_REDIS_WITH_OTHER_PORT =
  /\.redis\.(?:azure\.net|chinacloudapi\.cn|usgovcloudapi\.net|sovcloud-api\.\w+):(?:6379|6380)$/i;
const CACHE_FOR_REDIS_WITH_OTHER_PORT = /\.redis\.cache\.[\w.-]+:(?:10000|85\d\d)$/i;

const SHOW_NETWORK = {
  managedRedis: [
    "az redisenterprise show -g RG -n {cacheName|CACHE} --query '[publicNetworkAccess, privateEndpointConnections]'",
  ],
  cacheForRedis: [
    "az redis show -g RG -n {cacheName|CACHE} --query '[publicNetworkAccess, privateEndpointConnections]'",
    "az redis firewall-rules list -g RG -n {cacheName|CACHE}",
  ],
} as const;

/** From the name to an open connection. */
const REACHING_RULES: readonly Rule[] = [
  {
    id: "port-of-other-product",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [...UNREACHABLE, { network: /^ECONNRESET$/, from }, CUT_IN_HANDSHAKE, ...NO_TLS],
    given: [
      {
        fact: "endpoint",
        matches: new RegExp(
          `${MANAGED_REDIS_WITH_OTHER_PORT.source}|${CACHE_FOR_REDIS_WITH_OTHER_PORT.source}`,
          "i",
        ),
      },
    ],
    certainty: "likely",
    // The name of an Azure Cache for Redis may lead to an Azure Managed Redis to which it was migrated.
    certainGiven: [{ fact: "endpoint", matches: MANAGED_REDIS_WITH_OTHER_PORT }],
    meaning: "{endpoint} has the port of Azure's other product: this one listens at {productPort}",
    remedy: "Use port {productPort}.",
    alternatives: ["connection-timeout"],
  },
  {
    id: "node-port-blocked",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: UNREACHABLE,
    given: [{ fact: "isNode", is: true }],
    certainty: "likely",
    meaning: "the endpoint of the cluster answers, and its node at port {port|of its own} does not",
    remedy:
      "Allow the ports of the cluster's nodes too: those that begin with 85 on Azure Managed Redis, with 150 on Azure Cache for Redis.",
    isRetryable: true,
  },
  {
    id: "private-dns-zone-missing",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [...UNREACHABLE, { network: /^ENOTFOUND$/, from }],
    given: [
      { fact: "privateLinkName", isKnown: true },
      { fact: "isPrivateAddress", is: false },
    ],
    certainty: "likely",
    meaning:
      "the cache has a private endpoint ({privateLinkName}), and here its name leads to a public address",
    remedy:
      "Link the private DNS zone to the virtual network in which this runs, and check that it has a record for the cache.",
    commands: { any: ["az network private-dns link vnet list -g RG --zone-name ZONE"] },
    alternatives: ["connection-timeout", "connection-refused"],
    isRetryable: true,
  },
  {
    id: "host-not-found",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ network: /^ENOTFOUND$/, from }],
    meaning: "DNS knows no host {host|of this name}",
    remedy:
      "Check the spelling of {host|the host name} and that the cache exists; behind a private endpoint, check the private DNS zone and its link to this network.",
    commands: {
      managedRedis: ["az redisenterprise show -g RG -n {cacheName|CACHE} --query hostName"],
      cacheForRedis: ["az redis show -g RG -n {cacheName|CACHE} --query hostName"],
    },
    isRetryable: true,
  },
  {
    id: "dns-unavailable",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ network: /^(?:EAI_AGAIN|EAI_FAIL|ESERVFAIL|ETIMEOUT)$/, from }],
    meaning: "no name server answers, so nobody can say where {host|the cache} is",
    remedy: "Check the DNS settings of this machine or container, and its way to the name server.",
    isRetryable: true,
  },
  {
    id: "connection-refused",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ network: /^ECONNREFUSED$/, from }],
    meaning: "the host was reached, and nobody listens at port {port|that was given}",
    remedy:
      "Check the port, which is 10000 on Azure Managed Redis and 6380 on Azure Cache for Redis; a cache that restarts is back within seconds.",
    isRetryable: true,
  },
  {
    id: "connection-timeout",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ network: /^ETIMEDOUT$/, from }, TIMEOUT],
    certainty: "likely",
    meaning:
      "nothing comes back: a firewall drops the packets, public network access is switched off, or the way leads past the private endpoint",
    remedy:
      "Check the firewalls between here and {host|the cache}, its public network access, its private endpoint and the private DNS zone, and the port.",
    commands: SHOW_NETWORK,
    alternatives: ["private-dns-zone-missing", "plaintext-port", "connection-rate-limit"],
    isRetryable: true,
  },
  {
    id: "host-unreachable",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ network: /^(?:EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/, from }],
    meaning: "this machine has no route to {host|the cache}{' at 'address}",
    remedy:
      "Check network, VPN and routes of this machine; a private address is reached from inside its virtual network only.",
    isRetryable: true,
  },
  {
    id: "out-of-file-descriptors",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ network: /^(?:EMFILE|ENFILE)$/, from }],
    meaning: "this process has as many connections and files open as it may, and the cache was not asked",
    remedy:
      "Raise the limit (`ulimit -n`, `LimitNOFILE=` of systemd), or open fewer connections: with the proxy `--pool` and `--max-clients` see to that.",
    isRetryable: true,
  },
];

/** The certificate, and what the other side speaks. */
const TLS_RULES: readonly Rule[] = [
  {
    id: "plaintext-port",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: NO_TLS,
    meaning: "whoever listens at port {port|that was given} does not speak TLS",
    remedy:
      "Use the port for TLS, which is 10000 on Azure Managed Redis and 6380 on Azure Cache for Redis: logins with Microsoft Entra ID need it.",
    commands: {
      managedRedis: [
        "az redisenterprise database show -g RG --cluster-name {cacheName|CACHE} --query '[port, clientProtocol]'",
      ],
      cacheForRedis: ["az redis show -g RG -n {cacheName|CACHE} --query '[sslPort, enableNonSslPort]'"],
    },
  },
  {
    id: "tls-version-unsupported",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [
      {
        network:
          /^ERR_SSL_.*(?:PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE|VERSION_TOO_LOW)/,
        from,
      },
      { network: /^ERR_SSL_(?:SSLV3_ALERT_HANDSHAKE_FAILURE|NO_SHARED_CIPHER|NO_CIPHERS_AVAILABLE)/, from },
      { says: /alert protocol version|unsupported protocol|alert handshake failure/i, from },
    ],
    meaning: "both sides have no version of TLS, or no cipher, in common",
    remedy:
      "Allow TLS 1.2 or 1.3, which Azure's caches speak, in the client's options (`minVersion`, `maxVersion`, `ciphers`) and in whatever stands between.",
  },
  {
    id: "node-address-not-covered",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [OTHER_NAME],
    given: [{ fact: "isNode", is: true }],
    meaning:
      "the cluster announces its node as {serverName|an address}, and the certificate covers {certificateNames|the endpoint's name} only",
    remedy:
      "Have the nodes verified against the endpoint's name, as `azureRedisCluster()` and `azureRedis(Cluster)` do, or with the option `addressMap`.",
  },
  {
    id: "certificate-has-no-ip-addresses",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [OTHER_NAME],
    given: [{ fact: "hostIsAddress", is: true }],
    meaning:
      "the server was addressed as {serverName|an IP address}, and the certificates of Azure's caches cover names only{', here 'certificateNames}",
    remedy:
      "Connect by the cache's host name, or, where it has to be the address, give the name as `servername` in the TLS options.",
  },
  {
    id: "certificate-name-mismatch",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [OTHER_NAME],
    meaning:
      "the certificate covers {certificateNames|other names}, and not {serverName|the name that was asked for}",
    remedy:
      "Connect by the cache's own public name, which also leads to a private endpoint: an alias of yours or a name with `privatelink` is not in the certificate.",
  },
  {
    id: "certificate-expired",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ network: /^CERT_HAS_EXPIRED$/, from }],
    certainty: "likely",
    meaning: "the certificate has ended, or this machine's clock is ahead",
    remedy:
      "Check this machine's clock; if it is right, the certificate has to be renewed by whoever runs the server or the proxy before it.",
  },
  {
    id: "certificate-not-yet-valid",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ network: /^CERT_NOT_YET_VALID$/, from }],
    certainty: "likely",
    meaning: "the certificate is not valid yet, as it looks to a machine whose clock is behind",
    remedy: "Set this machine's clock; if it is right, look at the certificate's dates.",
  },
  {
    id: "certificate-revoked",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ network: /^CERT_REVOKED$/, from }],
    meaning: "the certificate's authority has revoked it",
    remedy: "Ask whoever runs the server for another certificate, and send it no token until then.",
  },
  {
    id: "certificate-untrusted",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [
      {
        network:
          /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_UNTRUSTED|CERT_REJECTED|INVALID_CA|CERT_CHAIN_TOO_LONG|CERT_SIGNATURE_FAILURE|PATH_LENGTH_EXCEEDED|INVALID_PURPOSE)$/,
        from,
      },
    ],
    meaning:
      "this machine does not know the authority that has signed the certificate, so whoever is there may be somebody else",
    remedy:
      "If an authority of your own is meant, give its certificate with NODE_EXTRA_CA_CERTS, as `ca` in the TLS options, or with `--ca` on the command line; otherwise somebody between here and the cache breaks TLS open.",
    commands: { any: ["openssl s_client -connect {endpoint|HOST:PORT} -servername {host|HOST} -showcerts"] },
  },
  {
    id: "tls-handshake-timeout",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [{ says: /TLS handshake.*(?:within|timeout|timed out)/i, from }],
    certainty: "likely",
    meaning: "the connection was opened, and nobody answers the TLS handshake",
    remedy:
      "Check that port {port|that was given} is the one for TLS, and that no proxy or firewall in between holds the connection.",
    alternatives: ["plaintext-port", "connection-timeout"],
    isRetryable: true,
  },
  {
    id: "tls-handshake-cut",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [CUT_IN_HANDSHAKE],
    certainty: "likely",
    meaning: "the connection was opened, and cut before TLS was agreed upon",
    remedy:
      "Check that port {port|that was given} is the one for TLS, and what firewalls and proxies in between do with TLS to this host name; a cache that restarts is back within seconds.",
    alternatives: ["plaintext-port", "connection-rate-limit", "max-clients"],
    isRetryable: true,
  },
];

/** A connection that does not last. */
const LIFE_RULES: readonly Rule[] = [
  {
    id: "server-silent",
    code: "ERR_PASSWORDLESS_AUTH_TIMEOUT",
    when: [
      { library: "ERR_PASSWORDLESS_AUTH_TIMEOUT" },
      {
        says: /(?:login|AUTH|PING) (?:was|has) not (?:been )?answered|has not answered the (?:login|PING)/i,
        from,
      },
    ],
    certainty: "likely",
    meaning: "the connection is open, and {host|the server} does not answer",
    remedy:
      "Check that {endpoint|this address} is the cache and no proxy that accepts connections by itself, and that the server is not blocked by a long command or script.",
    alternatives: ["server-busy"],
    isRetryable: true,
  },
  {
    id: "connection-cut",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [
      { network: /^(?:ECONNRESET|EPIPE|ECONNABORTED)$/, from },
      {
        says: /Socket closed unexpectedly|closed the connection|connection was closed|Connection is closed/i,
        from,
      },
    ],
    certainty: "likely",
    meaning:
      "the connection was opened and then cut: the cache restarts or fails over, or turns connections away",
    remedy:
      "Have the client reconnect with growing pauses, as `azureRedis()` does; if it goes on, look at the cache's connected clients, its health and the firewalls in between.",
    alternatives: ["max-clients", "connection-rate-limit"],
    isRetryable: true,
  },
  {
    id: "connection-rate-limit",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [],
    meaning:
      "Azure Managed Redis takes only so many new connections per second, and too many were opened at once",
    remedy: "Share clients, and spread the start of many processes over some seconds.",
    isRetryable: true,
  },
  {
    id: "cluster-nodes-unavailable",
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    when: [
      {
        says: /All the root nodes are unavailable|None of startup nodes is available|Failed to refresh slots cache/,
        from,
      },
    ],
    certainty: "likely",
    meaning: "a cluster client has found no node that it can use, and keeps to itself why",
    remedy: "Look at the client's event `error`, which says why each node was of no use.",
    alternatives: ["cluster-client-on-single-server", "access-policy-missing", "connection-timeout"],
    isRetryable: true,
  },
];

/** What happens on the way to Redis. */
export const NETWORK_RULES: readonly Rule[] = [...REACHING_RULES, ...TLS_RULES, ...LIFE_RULES];
