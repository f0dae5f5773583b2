import type { ErrorCode } from "../../core/errors.js";
import type { Rule } from "../rule.js";

const REJECTED: ErrorCode = "ERR_PASSWORDLESS_IDENTITY_REJECTED";
const UNAVAILABLE: ErrorCode = "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE";

const ON_A_LAPTOP =
  "on a developer's machine leave the identity out (`managedIdentity`, `clientId`, …), install @azure/identity and run `az login`, or pass a `credential`.";
const NOT_ON_AZURE = `Only Azure's own machines have a managed identity, and this seems to be none: ${ON_A_LAPTOP}`;

/** How virtual machines, and App Service and its like, say that there is no such identity. */
const NOT_FOUND = /identity not found|no (?:user assigned|delegated|managed|msi)/i;
/** No connection, or one that was cut. */
const NO_CONNECTION = /^(?:E(?:CONN\w+|TIMEDOUT|HOST\w+|NET\w+|PIPE|NOTFOUND|AI_\w+|ADDRNOTAVAIL)|UNKNOWN)$/;

/**
 * What managed identity endpoints answer besides a token. They pass the errors of Microsoft Entra ID on, whose rules
 * come after these.
 * @see https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
 */
export const MANAGED_IDENTITY_RULES: readonly Rule[] = [
  {
    id: "metadata-header-missing",
    code: REJECTED,
    when: [{ http: 400, from: "managedIdentity", body: /metadata header/i }],
    meaning: "the `Metadata` header did not arrive",
    remedy: "Exempt 169.254.169.254 from the proxy that took the header off (`NO_PROXY`).",
  },
  {
    id: "managed-identity-not-named",
    code: REJECTED,
    when: [{ http: 400, from: "managedIdentity", body: /multiple user.assigned/i }],
    meaning: "several user-assigned identities are attached and none was named",
    remedy: "Name one with `clientId`, `objectId` or `resourceId`.",
    commands: {
      any: ['az identity list --query "[].[name, clientId, principalId]" -o table'],
    },
  },
  {
    id: "managed-identity-id-of-wrong-kind",
    code: REJECTED,
    when: [{ http: 400, from: "managedIdentity", body: NOT_FOUND }],
    given: [
      { fact: "selector", isKnown: true },
      { fact: "worksAs", isKnown: true },
      { fact: "worksAs", differsFrom: "selector" },
    ],
    meaning: "the ID that was given as `{selector}` is the `{worksAs}` of an attached identity",
    remedy: "Give the ID as `{worksAs}`, not as `{selector}`.",
  },
  {
    id: "managed-identity-none",
    code: REJECTED,
    when: [{ http: 400, from: "managedIdentity", body: NOT_FOUND }],
    given: [{ fact: "selector", is: "none" }],
    meaning: "this resource has no system-assigned managed identity, and no other was named",
    remedy:
      "Attach a managed identity to this resource, or name an attached one with `clientId`; on a developer's machine leave the identity out and run `az login`.",
    commands: {
      any: [
        "az vm identity assign -g RG -n VM",
        "az webapp identity assign -g RG -n APP",
        "az containerapp identity assign -g RG -n APP --system-assigned",
      ],
    },
  },
  {
    id: "managed-identity-not-attached",
    code: REJECTED,
    when: [{ http: 400, from: "managedIdentity", body: NOT_FOUND }],
    certainty: "likely",
    meaning: "no such identity is attached to this resource",
    remedy:
      "Attach the managed identity to this resource, or name one that is attached; `clientId` (`AZURE_CLIENT_ID`) must be the managed identity's, not an app registration's.",
    commands: {
      any: [
        "az identity list --query \"[?clientId=='{clientId|CLIENT_ID}' || principalId=='{objectId|OBJECT_ID}'].id\" -o tsv",
        "az vm identity assign -g RG -n VM --identities {resourceId|RESOURCE_ID}",
        "az webapp identity assign -g RG -n APP --identities {resourceId|RESOURCE_ID}",
      ],
    },
    alternatives: ["app-registration-instead-of-managed-identity", "managed-identity-id-kind-unclear"],
  },
  {
    id: "app-registration-instead-of-managed-identity",
    code: REJECTED,
    when: [],
    given: [{ fact: "selector", is: "clientId" }],
    meaning: "the client ID{' 'clientId} is an app registration's, not a managed identity's",
    remedy:
      "Unset `AZURE_CLIENT_ID` (or `clientId`), set it to the managed identity's client ID, or give the app registration's secret, certificate or federated token too.",
    commands: { any: ["az ad app show --id {clientId|CLIENT_ID}"] },
  },
  {
    id: "managed-identity-id-kind-unclear",
    code: REJECTED,
    when: [],
    given: [{ fact: "selector", isKnown: true }],
    meaning: "the ID that was given as `{selector}` is one of the identity's other IDs",
    remedy:
      "Compare the ID with the identity's client ID (`clientId`), its principal ID (`objectId`) and its Azure resource ID (`resourceId`).",
    commands: {
      any: ['az identity list --query "[].[name, clientId, principalId]" -o table'],
    },
  },
  {
    id: "identity-header-rejected",
    code: REJECTED,
    when: [{ http: 401, from: "managedIdentity" }],
    meaning: "it did not accept the identity header",
    remedy: "Restart the process: `IDENTITY_HEADER` changes, and is read at the start.",
  },
  {
    // Docker Desktop answers in place of 169.254.169.254.
    id: "docker-desktop-metadata",
    code: UNAVAILABLE,
    when: [{ http: 403, from: "managedIdentity", body: /unreachable/i }],
    meaning: "Docker Desktop answered: this machine has no managed identity",
    remedy: NOT_ON_AZURE,
  },
  {
    id: "metadata-behind-proxy",
    code: UNAVAILABLE,
    when: [{ http: 403, from: "managedIdentity", isForeign: true }],
    meaning: "something in between answered, so this machine has no managed identity or a proxy hides it",
    remedy: `On Azure exempt the endpoint from the proxy (\`NO_PROXY\`); ${ON_A_LAPTOP}`,
    isRetryable: true,
  },
  {
    id: "managed-identity-updating",
    code: UNAVAILABLE,
    when: [
      { http: 404, from: "managedIdentity" },
      { http: 410, from: "managedIdentity" },
    ],
    meaning: "it is being updated and returns within 70 seconds, or is not there",
    remedy:
      "Nothing to do if it passes, for the request is repeated; otherwise check that the resource has a managed identity.",
    isRetryable: true,
  },
  {
    id: "managed-identity-throttled",
    code: "ERR_PASSWORDLESS_THROTTLED",
    when: [{ http: 429, from: "managedIdentity" }],
    meaning: "this machine asks its managed identity endpoint too often",
    remedy:
      "Nothing to do: the request is repeated with growing pauses; if it lasts, share one identity object in each process instead of creating one for each connection.",
    isRetryable: true,
  },
  {
    id: "managed-identity-failing",
    code: "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR",
    when: [{ http: /^(?:5\d\d|408)$/, from: "managedIdentity" }],
    meaning: "the managed identity endpoint has a problem of its own",
    remedy:
      "Nothing to do: the request is repeated with growing pauses; see https://status.azure.com if it lasts.",
    isRetryable: true,
  },
  {
    id: "identity-endpoint-unreachable",
    code: UNAVAILABLE,
    when: [{ network: NO_CONNECTION, from: "managedIdentity" }],
    given: [{ fact: "identityEndpoint", is: "appService" }],
    meaning: "nobody serves the address in `IDENTITY_ENDPOINT`",
    remedy:
      "On Azure restart the app, which gives it a new `IDENTITY_ENDPOINT`; elsewhere unset `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.",
    isRetryable: true,
  },
  {
    id: "not-on-azure",
    code: UNAVAILABLE,
    when: [
      { network: NO_CONNECTION, from: "managedIdentity" },
      { says: /IMDS endpoint, but it is not available|Network unreachable/, from: "managedIdentity" },
    ],
    certainty: "likely",
    meaning: "nobody answers at the address of the managed identity endpoint",
    remedy: NOT_ON_AZURE,
    alternatives: ["metadata-service-blocked"],
    isRetryable: true,
  },
  {
    id: "metadata-service-blocked",
    code: UNAVAILABLE,
    when: [],
    meaning: "a network policy, a firewall or a proxy keeps this workload from 169.254.169.254",
    remedy:
      "On Azure allow this workload to reach 169.254.169.254 without a proxy (`NO_PROXY`), or in Kubernetes use workload identity, which does not need it.",
    isRetryable: true,
  },
];
