import type { ErrorCode } from "../../core/errors.js";
import type { Rule } from "../rule.js";

const UNAVAILABLE: ErrorCode = "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE";
const TIMEOUT: ErrorCode = "ERR_PASSWORDLESS_TOKEN_REQUEST_TIMEOUT";
const EXPIRED: ErrorCode = "ERR_PASSWORDLESS_TOKEN_EXPIRED";
const INVALID: ErrorCode = "ERR_PASSWORDLESS_TOKEN_INVALID";
const CERTIFICATE: ErrorCode = "ERR_PASSWORDLESS_CERTIFICATE_UNUSABLE";

const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|ALTNAME/;
const NO_CONNECTION =
  /^(?:E(?:CONN\w+|TIMEDOUT|HOST\w+|NET\w+|PIPE|PROTO|ADDRNOTAVAIL)|HPE_\w+|ERR_(?:SSL|TLS|STREAM)_\w+|REQUEST_SEND_ERROR|UNKNOWN)$/;

/** How @azure/identity says that there is no federated token. */
const NO_ASSERTION = /Invalid file path provided|No content on the file/;

/** A clock that is off by this much matters: tokens seem to have ended, or not to have begun. */
const SKEW_MS = 60_000;

const NOT_IN_BETWEEN =
  "Check that the address is the right one and that no proxy or captive portal answers in its place.";

/** What goes wrong on the way to a token, and with the token itself, whoever is asked. */
export const TOKEN_RULES: readonly Rule[] = [
  {
    id: "no-identity-without-azure-identity",
    code: UNAVAILABLE,
    when: [{ library: UNAVAILABLE }],
    given: [{ fact: "peer", is: "@azure/identity" }],
    meaning:
      "no variable of the environment names one, no managed identity endpoint answers, and @azure/identity, which finds a developer's login, is not installed",
    remedy:
      "On a developer's machine run `npm install @azure/identity` and `az login`; elsewhere pass an identity or set the AZURE_* variables.",
    // The metadata service of a virtual machine that is starting may come late.
    isRetryable: true,
  },
  {
    id: "azure-identity-missing",
    code: "ERR_PASSWORDLESS_PEER_MISSING",
    when: [{ library: "ERR_PASSWORDLESS_PEER_MISSING" }],
    given: [{ fact: "peer", is: "@azure/identity" }],
    meaning: "the package @azure/identity could not be loaded",
    remedy: "Run `npm install @azure/identity`, or pass another identity.",
    commands: { any: ["npm install @azure/identity"] },
  },
  {
    id: "credential-returned-nothing",
    code: UNAVAILABLE,
    when: [{ library: UNAVAILABLE }],
    given: [{ fact: "tokenProblem", is: "missing" }],
    meaning: "the credential returned no token",
    remedy: "Check that the credential can log in where this process runs.",
    isRetryable: true,
  },
  {
    id: "federated-token-unreadable",
    code: "ERR_PASSWORDLESS_FEDERATED_TOKEN_UNREADABLE",
    when: [
      { library: "ERR_PASSWORDLESS_FEDERATED_TOKEN_UNREADABLE" },
      { says: NO_ASSERTION, from: "developerTool" },
    ],
    meaning: "the federated token file{' 'file} is missing, empty or not readable",
    remedy:
      'Check the path (`AZURE_FEDERATED_TOKEN_FILE`), and on AKS the pod label azure.workload.identity/use: "true" and the service account.',
    // The kubelet may still be writing it.
    isRetryable: true,
  },
  {
    id: "certificate-unreadable",
    code: CERTIFICATE,
    when: [{ library: CERTIFICATE }],
    given: [{ fact: "certificateProblem", is: "unreadable" }],
    meaning: "the file cannot be read",
    remedy: "Check the path and the permissions of the file that `{option|clientCertificatePath}` names.",
    // It may be in the middle of being replaced.
    isRetryable: true,
  },
  {
    id: "certificate-absent",
    code: CERTIFICATE,
    when: [{ library: CERTIFICATE }],
    given: [{ fact: "certificateProblem", is: "noCertificate" }],
    meaning: "there is a private key, but no certificate",
    remedy:
      "Give the certificate together with its key in `{option|clientCertificate}`: a PEM with both blocks, or a PFX.",
  },
  {
    id: "certificate-key-absent",
    code: CERTIFICATE,
    when: [{ library: CERTIFICATE }],
    given: [{ fact: "certificateProblem", is: "noKey" }],
    meaning: "there is a certificate, but no private key",
    remedy:
      "Give the private key together with its certificate in `{option|clientCertificate}`: a PEM with both blocks, or a PFX.",
  },
  {
    id: "certificate-key-type",
    code: CERTIFICATE,
    when: [{ library: CERTIFICATE }],
    given: [{ fact: "certificateProblem", is: "keyType" }],
    meaning: "Entra ID accepts RSA keys only",
    remedy: "Create a certificate with an RSA key, and upload it to the application.",
  },
  {
    id: "certificate-key-mismatch",
    code: CERTIFICATE,
    when: [{ library: CERTIFICATE }],
    given: [{ fact: "certificateProblem", is: "keyMismatch" }],
    meaning: "the private key belongs to another certificate",
    remedy: "Put the certificate and the key that belong together into `{option|clientCertificate}`.",
  },
  {
    id: "certificate-password-missing",
    code: CERTIFICATE,
    when: [{ library: CERTIFICATE }],
    given: [{ fact: "certificateProblem", is: "passwordMissing" }],
    meaning: "the certificate's key needs a password",
    remedy: "Set `clientCertificatePassword` (`AZURE_CLIENT_CERTIFICATE_PASSWORD`).",
  },
  {
    id: "certificate-password-wrong",
    code: CERTIFICATE,
    when: [{ library: CERTIFICATE }],
    given: [{ fact: "certificateProblem", is: "passwordWrong" }],
    meaning: "the password of the certificate is wrong, or the file is damaged",
    remedy: "Correct `clientCertificatePassword` (`AZURE_CLIENT_CERTIFICATE_PASSWORD`).",
  },
  {
    id: "certificate-unusable",
    code: CERTIFICATE,
    when: [{ library: CERTIFICATE }],
    meaning: "the certificate or its key cannot be read",
    remedy:
      "Give `{option|clientCertificate}` an RSA certificate with its private key, as PEM or PFX, and its password if it has one.",
  },
  {
    id: "token-endpoint-not-found",
    code: UNAVAILABLE,
    when: [{ network: /^(?:ENOTFOUND|EAI_\w+)$/, from: "authority" }],
    meaning: "DNS does not know the name of {authorityHost|the login host}",
    remedy:
      "Check that DNS works where this process runs and that {authorityHost|the login host} (`authorityHost`, `AZURE_AUTHORITY_HOST`) is spelt right.",
    isRetryable: true,
  },
  {
    id: "token-endpoint-certificate-untrusted",
    code: UNAVAILABLE,
    when: [
      { network: UNTRUSTED, from: "authority" },
      { network: UNTRUSTED, from: "managedIdentity" },
    ],
    meaning: "the certificate of the token endpoint is not trusted here",
    remedy:
      "Pass the certificate authority that signed its certificate as `ca`, or set NODE_EXTRA_CA_CERTS; a proxy that intercepts TLS may be in between.",
  },
  {
    id: "token-endpoint-unreachable",
    code: UNAVAILABLE,
    when: [{ network: NO_CONNECTION, from: "authority" }],
    meaning: "no connection to {authorityHost|the login host} was possible, or it was cut",
    remedy: "Check DNS, firewall and proxy between this machine and {authorityHost|the login host}.",
    commands: { any: ["curl -v {authorityHost|https://login.microsoftonline.com}/"] },
    isRetryable: true,
  },
  {
    id: "token-answer-malformed",
    code: "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR",
    when: [
      { http: /^[123]/, from: "authority" },
      { http: /^[123]/, from: "managedIdentity" },
      { http: /^4(?!29|08)/, from: "authority", isForeign: true },
    ],
    meaning: "the answer is none of a token endpoint's",
    remedy: NOT_IN_BETWEEN,
    isRetryable: true,
  },
  {
    id: "token-request-timeout-managed-identity",
    code: TIMEOUT,
    when: [{ library: TIMEOUT, from: "managedIdentity" }],
    meaning: "the managed identity endpoint took the request and did not answer",
    remedy:
      "On Azure exempt 169.254.169.254 from every proxy (`NO_PROXY`) and check network policies; elsewhere leave the identity out, for only Azure's own machines have a managed identity.",
    isRetryable: true,
  },
  {
    id: "token-request-timeout-authority",
    code: TIMEOUT,
    when: [{ library: TIMEOUT, from: "authority" }],
    meaning: "{authorityHost|the login host} did not answer in time",
    remedy:
      "Check firewall, proxy and DNS between this machine and {authorityHost|the login host}, or raise `requestTimeoutMs`.",
    isRetryable: true,
  },
  {
    id: "token-request-timeout-developer-tool",
    code: TIMEOUT,
    when: [{ library: TIMEOUT, from: "developerTool" }],
    meaning: "the tool in which the developer is logged in did not answer in time",
    remedy:
      "Run `az account get-access-token --resource https://redis.azure.com` to see what it waits for, or raise `requestTimeoutMs`.",
    isRetryable: true,
  },
  {
    id: "token-request-timeout",
    code: TIMEOUT,
    when: [{ library: TIMEOUT }],
    meaning: "the identity provider did not answer in time",
    remedy:
      "Check that the token endpoint is reachable from here (firewall, proxy, DNS), or raise `requestTimeoutMs`.",
    isRetryable: true,
  },
  {
    id: "token-not-a-jwt",
    code: INVALID,
    when: [{ library: INVALID }],
    given: [{ fact: "tokenProblem", is: "notAJwt" }],
    meaning: "what was returned is not a JSON Web Token",
    remedy:
      "Return an access token of Microsoft Entra ID, or `username` and `expiresAtMs` along with the token.",
  },
  {
    id: "identity-provider-answer-empty",
    code: INVALID,
    when: [{ library: INVALID }],
    given: [{ fact: "tokenProblem", is: "missing" }],
    meaning: "the identity provider returned no token",
    remedy: "Return `{ token, username?, expiresAtMs? }`, or throw an error that says why there is none.",
  },
  {
    id: "identity-provider-answer-incomplete",
    code: INVALID,
    when: [{ library: INVALID }],
    given: [{ fact: "tokenProblem", is: "incomplete" }],
    meaning: "the answer of the identity provider lacks something",
    remedy:
      "Let it answer with `token` and `username` (strings that are not empty) and `expiresAtMs` (epoch milliseconds).",
    isRetryable: true,
  },
  {
    id: "audience-mismatch",
    code: "ERR_PASSWORDLESS_AUDIENCE_MISMATCH",
    when: [{ library: "ERR_PASSWORDLESS_AUDIENCE_MISMATCH" }],
    meaning: "the token is for {audience|another resource}, not for Redis",
    remedy: 'Request the token with the scope "{scope|https://redis.azure.com/.default}".',
    commands: {
      any: ["az account get-access-token --scope {scope|https://redis.azure.com/.default}"],
    },
  },
  {
    id: "tenant-mismatch",
    code: "ERR_PASSWORDLESS_TENANT_MISMATCH",
    when: [{ library: "ERR_PASSWORDLESS_TENANT_MISMATCH" }],
    meaning: "the token is of tenant {tenantId|…}, and tenant {expectedTenantId|…} was expected",
    remedy:
      "Log in to the tenant that the cache belongs to (`az login --tenant {expectedTenantId|TENANT}`), or correct the tenant ID.",
    commands: { any: ["az login --tenant {expectedTenantId|TENANT}"] },
  },
  {
    id: "object-id-missing",
    code: "ERR_PASSWORDLESS_OBJECT_ID_MISSING",
    when: [{ library: "ERR_PASSWORDLESS_OBJECT_ID_MISSING" }],
    meaning: "the token has no `oid` claim, so the Redis user name is not known",
    remedy: "Use an identity of a Microsoft Entra tenant, or an identity provider that returns `username`.",
  },
  {
    // The token manager sees it: the same token again, when it should be a new one.
    id: "token-kept-too-long",
    code: EXPIRED,
    when: [],
    meaning: "the identity provider answers with the same token until it ends",
    remedy: "Check whether something between here and the provider caches tokens to their very end.",
    isRetryable: true,
  },
  {
    id: "token-stale",
    code: EXPIRED,
    when: [{ library: EXPIRED }],
    given: [{ fact: "isExpiredAtIssuer", is: true }],
    meaning: "something between here and the issuer keeps tokens until after their end",
    remedy:
      "Restart what caches the tokens, or look for it: the clock is not the cause, for the token has ended by its issuer's clock too.",
    isRetryable: true,
  },
  {
    id: "clock-ahead",
    code: EXPIRED,
    when: [{ library: EXPIRED }],
    given: [{ fact: "clockSkewMs", above: SKEW_MS }],
    meaning: "this machine's clock is {clockSkew} ahead, so the token seems to have ended",
    remedy: "Synchronise this machine's clock (NTP), which is {clockSkew} ahead of the identity provider's.",
    isRetryable: true,
  },
  {
    id: "token-expired-on-arrival",
    code: EXPIRED,
    when: [{ library: EXPIRED }],
    meaning: "either this machine's clock is ahead, or the token comes from a cache that is too old",
    remedy:
      "Compare this machine's clock with the real time; if it is right, look for what caches tokens past their end.",
    isRetryable: true,
  },
  {
    // Nothing fails yet: the doctor warns of it.
    id: "clock-skew",
    code: EXPIRED,
    when: [],
    meaning: "this machine's clock and the identity provider's differ by {clockSkew|more than a minute}",
    remedy: "Synchronise this machine's clock (NTP).",
    isRetryable: true,
  },
];
