import type { ErrorCode } from "../../core/errors.js";
import type { Rule } from "../rule.js";

const REJECTED: ErrorCode = "ERR_PASSWORDLESS_IDENTITY_REJECTED";
const PROVIDER_ERROR: ErrorCode = "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR";
const THROTTLED: ErrorCode = "ERR_PASSWORDLESS_THROTTLED";

/** What only a person who runs the directory can mend. */
const ASK = "Ask an administrator of the tenant";

/**
 * What Microsoft Entra ID answers.
 *
 * Microsoft says that its numbers may change, so an unknown one is judged by what comes with it.
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const ENTRA_ID_RULES: readonly Rule[] = [
  {
    id: "request-loop",
    code: THROTTLED,
    when: [{ aadsts: [50196] }],
    meaning: "the same request was sent in a loop",
    remedy: "Share one identity object in the process instead of creating one for each connection.",
    isRetryable: true,
  },
  {
    id: "tenant-throttled",
    code: THROTTLED,
    when: [{ aadsts: [90055] }],
    meaning: "the tenant sends too many requests",
    remedy:
      "Nothing to do here: the request is repeated later; reduce the tenant's token requests if it lasts.",
    isRetryable: true,
  },
  {
    id: "authority-throttled",
    code: THROTTLED,
    when: [{ http: 429, from: "authority" }],
    meaning: "it is asked for tokens too often",
    remedy:
      "Nothing to do: the request is repeated with growing pauses; if it lasts, look for code that creates an identity for each connection, and see https://status.azure.com.",
    isRetryable: true,
  },
  {
    id: "application-not-in-tenant",
    code: REJECTED,
    when: [{ aadsts: [700016] }],
    meaning: "the tenant{' 'tenantId} has no application with the client ID{' 'clientId}",
    remedy:
      "Check `clientId` (`AZURE_CLIENT_ID`) and `tenantId` (`AZURE_TENANT_ID`); the client ID is not the object ID.",
    commands: { any: ["az ad sp show --id {clientId|CLIENT_ID}"] },
  },
  {
    id: "client-secret-id-instead-of-value",
    code: REJECTED,
    when: [{ aadsts: [7000215] }],
    given: [{ fact: "secretLooksLikeId", is: true }],
    meaning: "the client secret is wrong: it is a secret's ID, not its value",
    remedy:
      "Set `clientSecret` (`AZURE_CLIENT_SECRET`) to the Value of the secret, which is shown only once, when the secret is created.",
    commands: { any: ["az ad app credential reset --append --id {clientId|CLIENT_ID}"] },
  },
  {
    id: "client-secret-wrong",
    code: REJECTED,
    when: [{ aadsts: [7000215] }],
    meaning: "the client secret is wrong",
    remedy: "Set `clientSecret` (`AZURE_CLIENT_SECRET`) to the secret's Value, not to its Secret ID.",
    commands: { any: ["az ad app credential reset --append --id {clientId|CLIENT_ID}"] },
  },
  {
    id: "client-secret-expired",
    code: REJECTED,
    when: [{ aadsts: [7000222] }],
    meaning: "the client secret has expired",
    remedy: "Create a new client secret, or move to a managed identity or federation, which have none.",
    commands: { any: ["az ad app credential reset --append --id {clientId|CLIENT_ID}"] },
  },
  {
    id: "credential-missing",
    code: REJECTED,
    when: [{ aadsts: [7000218] }],
    meaning: "the request carried neither a secret nor an assertion",
    remedy: "Give the application a secret, a certificate or a federated credential, and configure it here.",
  },
  {
    id: "certificate-unknown",
    code: REJECTED,
    when: [{ aadsts: [700027] }],
    meaning: "the application{' 'clientId} does not know the certificate that signed the assertion",
    remedy: "Upload this certificate to the application, and compare the thumbprints.",
    commands: { any: ["az ad app credential list --cert --id {clientId|CLIENT_ID}"] },
  },
  {
    id: "assertion-outside-validity",
    code: REJECTED,
    when: [{ aadsts: [700024] }],
    meaning: "the assertion is outside its time of validity",
    remedy:
      "Check this machine's clock; with workload identity, check that the federated token file is renewed.",
    isRetryable: true,
  },
  {
    id: "federated-credential-missing",
    code: REJECTED,
    when: [{ aadsts: [70025] }],
    meaning: "the identity{' 'clientId} has no federated credentials",
    remedy: "Create a federated credential for this workload's issuer and subject on the identity.",
    commands: {
      any: [
        "az identity federated-credential create -g RG --identity-name IDENTITY --name NAME --issuer ISSUER --subject system:serviceaccount:NAMESPACE:SERVICE_ACCOUNT --audiences api://AzureADTokenExchange",
      ],
    },
  },
  {
    id: "federated-issuer-mismatch",
    code: REJECTED,
    when: [{ aadsts: [70021, 700211] }],
    meaning: "no federated credential of the identity matches the token's issuer",
    remedy:
      "Compare the federated credential's issuer with the cluster's OIDC issuer URL, including a slash at the end.",
    commands: {
      any: [
        "az identity federated-credential list -g RG --identity-name IDENTITY",
        "az aks show -g RG -n CLUSTER --query oidcIssuerProfile.issuerUrl -o tsv",
      ],
    },
  },
  {
    id: "federated-audience-mismatch",
    code: REJECTED,
    when: [{ aadsts: [700212] }],
    meaning: "no federated credential of the identity matches the token's audience",
    remedy: "Use the audience api://AzureADTokenExchange (US Gov …USGov, China …China) on both sides.",
    commands: { any: ["az identity federated-credential list -g RG --identity-name IDENTITY"] },
  },
  {
    id: "federated-subject-mismatch",
    code: REJECTED,
    when: [{ aadsts: [700213] }],
    meaning: "no federated credential of the identity matches the token's subject",
    remedy:
      "Compare the federated credential's subject with system:serviceaccount:<namespace>:<service account>, in the same case.",
    commands: { any: ["az identity federated-credential list -g RG --identity-name IDENTITY"] },
  },
  {
    id: "federation-blocked",
    code: REJECTED,
    when: [{ aadsts: [700223, 700238] }],
    meaning: "the tenant's policy does not allow this federated credential",
    remedy: `${ASK} to allow the issuer.`,
  },
  {
    id: "tenant-not-found",
    code: REJECTED,
    when: [{ aadsts: [90002] }],
    meaning: "the tenant{' 'tenantId} was not found{' at 'authorityHost}",
    remedy:
      "Check `tenantId` (`AZURE_TENANT_ID`), and `cloud` (`AZURE_AUTHORITY_HOST`) if the tenant is in another cloud.",
    commands: { any: ["az account show --query tenantId -o tsv"] },
  },
  {
    id: "tenant-in-other-cloud",
    code: REJECTED,
    when: [{ aadsts: [900382, 90038] }],
    meaning: "the tenant{' 'tenantId} lives in another cloud",
    remedy: "Set `cloud` (or `authorityHost`, `AZURE_AUTHORITY_HOST`) to the tenant's cloud.",
  },
  {
    id: "user-not-in-tenant",
    code: REJECTED,
    when: [{ aadsts: [50020, 50034] }],
    meaning: "this user is not in the tenant{' 'expectedTenantId}",
    remedy: "Log in to the right tenant (`{login|az login}`), or invite the user there as a guest.",
  },
  {
    id: "multi-factor-required",
    code: REJECTED,
    when: [{ aadsts: [50074, 50076, 50079] }],
    meaning: "this user must pass multi-factor authentication",
    remedy:
      "Log in interactively (`{login|az login}`), or use a managed identity or service principal: a service cannot answer the prompt.",
  },
  {
    id: "conditional-access-blocked",
    code: REJECTED,
    when: [{ aadsts: [53003] }],
    meaning: "a Conditional Access policy blocks the login",
    remedy: `${ASK} to allow this location or workload in Conditional Access.`,
  },
  {
    id: "security-defaults-blocked",
    code: REJECTED,
    when: [{ aadsts: [530035] }],
    meaning: "the tenant's security defaults block the login",
    remedy: `${ASK}, or use a managed identity.`,
  },
  {
    id: "consent-missing",
    code: REJECTED,
    when: [{ aadsts: [65001] }],
    meaning: "nobody has consented to this application's access to Redis",
    remedy: "Grant admin consent, or log in with `{scopedLogin|az login}`.",
  },
  {
    id: "application-not-preauthorised",
    code: REJECTED,
    when: [{ aadsts: [65002] }],
    meaning: "this Microsoft application may not request tokens for Redis",
    remedy: "Use another credential: a managed identity, a service principal or `az login`.",
  },
  {
    id: "resource-unknown",
    code: REJECTED,
    when: [{ aadsts: [500011, 50001, 650057] }],
    meaning: "the tenant{' 'tenantId} does not know the resource that the token is for",
    remedy:
      "Check `scope` for a typo; if it is right, the tenant lacks Redis' service principal (application acca5fbb-b7e4-4009-81f1-37e38fd66d78), which the creation of a cache brings along.",
    commands: { any: ["az ad sp show --id acca5fbb-b7e4-4009-81f1-37e38fd66d78"] },
  },
  {
    id: "scope-invalid",
    code: REJECTED,
    when: [{ aadsts: [70011] }],
    meaning: "the scope{' 'scope} is invalid",
    remedy: "Let `scope` name one resource and end in `/.default`: https://redis.azure.com/.default.",
  },
  {
    id: "request-input-invalid",
    code: REJECTED,
    when: [{ aadsts: [90013] }],
    meaning: "the request's input is invalid",
    remedy: "Check `tenantId`, `clientId` and `scope` for stray characters.",
  },
  {
    id: "tenant-required",
    code: REJECTED,
    when: [{ aadsts: [50194, 9001023] }],
    meaning: "this application needs a tenant of its own, not `common`",
    remedy: "Set `tenantId` to the ID of the tenant.",
  },
  {
    id: "application-disabled",
    code: REJECTED,
    when: [{ aadsts: [7000112, 70001] }],
    meaning: "the application{' 'clientId} is disabled",
    remedy: `${ASK} to enable the application.`,
  },
  {
    id: "user-disabled",
    code: REJECTED,
    when: [{ aadsts: [50057] }],
    meaning: "this user is disabled",
    remedy: `${ASK} to enable the user.`,
  },
  {
    id: "login-ended",
    code: REJECTED,
    when: [{ aadsts: [50173, 70008, 700082, 70043] }],
    meaning: "the login of this user has ended",
    remedy: "Log in again, for instance with `{login|az login}`.",
  },
  {
    id: "regional-endpoint-refused",
    code: REJECTED,
    when: [{ aadsts: [100007] }],
    meaning: "regional endpoints serve managed identities and SN+I certificates only",
    remedy: "Unset `AZURE_REGIONAL_AUTHORITY_NAME`.",
  },
  {
    id: "entra-id-transient",
    code: PROVIDER_ERROR,
    when: [{ aadsts: [50033, 50087, 90006, 90024, 90033, 90090] }],
    meaning: "Microsoft Entra ID has a temporary problem",
    remedy:
      "Nothing to do: the request is repeated with growing pauses; see https://status.azure.com if it lasts.",
    isRetryable: true,
  },
  {
    id: "authority-failing",
    code: PROVIDER_ERROR,
    when: [
      { http: /^(?:5\d\d|408)$/, from: "authority" },
      { says: /\b(?:temporarily_unavailable|server_error)\b/, from: "authority" },
      { says: /\b(?:temporarily_unavailable|server_error)\b/, from: "managedIdentity" },
    ],
    meaning: "Microsoft Entra ID has a problem of its own",
    remedy:
      "Nothing to do: the request is repeated with growing pauses; see https://status.azure.com if it lasts.",
    isRetryable: true,
  },
  {
    id: "aadsts-unknown",
    code: REJECTED,
    when: [{ aadsts: "any" }],
    meaning: "the reason AADSTS{aadsts|…} is not known here",
    remedy: "Look the number up: https://login.microsoftonline.com/error?code={aadsts|…}.",
  },
  {
    id: "identity-refused",
    code: REJECTED,
    when: [
      { http: /^4/, from: "authority" },
      { http: /^4/, from: "managedIdentity" },
    ],
    meaning: "the reason is not known here",
    remedy:
      "Check the identity's configuration: tenant, client ID, and its secret, certificate or federation.",
  },
];
