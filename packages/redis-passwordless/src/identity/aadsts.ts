/** What one of Entra ID's error numbers means for us. */
export interface AadstsEntry {
  /**
   * `rejected`: somebody has to change something. `transient`: ask again later. `throttled`: ask again much later.
   */
  readonly verdict: "rejected" | "transient" | "throttled";
  readonly meaning: string;
  /** One sentence to act on. */
  readonly remedy: string;
  /** A refusal that may pass without anybody's help, such as one caused by a clock. @default false */
  readonly mayPass?: boolean;
}

const rejected = (meaning: string, remedy: string): AadstsEntry => ({ verdict: "rejected", meaning, remedy });
const TRANSIENT: AadstsEntry = {
  verdict: "transient",
  meaning: "Microsoft Entra ID has a temporary problem",
  remedy: "Nothing to do: the request is repeated; see https://status.azure.com if it lasts.",
};
const LOGIN_AGAIN = rejected(
  "the login of this user has ended",
  "Log in again, for instance with `az login`.",
);
const NEEDS_MFA = rejected(
  "this user must pass multi-factor authentication",
  "Log in interactively (`az login`), or use a managed identity or service principal: a service cannot answer the prompt.",
);
const BAD_RESOURCE = rejected(
  "the tenant does not know the resource that the token is for",
  "Check `scope` for a typo; if it is right, the tenant lacks Redis' service principal (application acca5fbb-b7e4-4009-81f1-37e38fd66d78), which the creation of a cache brings along.",
);
const DISABLED_APP = rejected(
  "the application is disabled",
  "Ask an administrator of the tenant to enable the application.",
);
const CROSS_CLOUD = rejected(
  "the tenant lives in another cloud",
  "Set `cloud` (or `authorityHost`, `AZURE_AUTHORITY_HOST`) to the tenant's cloud.",
);
const NO_TENANT = rejected(
  "this application needs a tenant of its own, not `common`",
  "Set `tenantId` to the ID of the tenant.",
);
const NOT_IN_TENANT = rejected(
  "this user is not in the tenant",
  "Log in to the right tenant (`az login --tenant …`), or invite the user there as a guest.",
);
const FEDERATION_BLOCKED = rejected(
  "the tenant's policy does not allow this federated credential",
  "Ask an administrator of the tenant to allow the issuer.",
);
const NO_FEDERATION_MATCH = rejected(
  "no federated credential of the identity matches the token's issuer",
  "Compare the federated credential's issuer with the cluster's OIDC issuer URL, including a slash at the end.",
);

/**
 * Entra ID's error numbers. Microsoft says that codes may change, so an unknown one is judged by its OAuth error.
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const AADSTS: Readonly<Record<number, AadstsEntry>> = {
  50001: BAD_RESOURCE,
  50020: NOT_IN_TENANT,
  50033: TRANSIENT,
  50034: NOT_IN_TENANT,
  50057: rejected("this user is disabled", "Ask an administrator of the tenant to enable the user."),
  50074: NEEDS_MFA,
  50076: NEEDS_MFA,
  50079: NEEDS_MFA,
  50087: TRANSIENT,
  50173: LOGIN_AGAIN,
  50194: NO_TENANT,
  50196: {
    verdict: "throttled",
    meaning: "the same request was sent in a loop",
    remedy: "Share one identity object in the process instead of creating one for each connection.",
  },
  53003: rejected(
    "a Conditional Access policy blocks the login",
    "Ask an administrator to allow this location or workload in Conditional Access.",
  ),
  530035: rejected(
    "the tenant's security defaults block the login",
    "Ask an administrator, or use a managed identity.",
  ),
  65001: rejected(
    "nobody has consented to this application's access to Redis",
    "Grant admin consent, or log in with `az login --scope https://redis.azure.com/.default`.",
  ),
  65002: rejected(
    "this Microsoft application may not request tokens for Redis",
    "Use another credential: a managed identity, a service principal or `az login`.",
  ),
  70001: DISABLED_APP,
  70008: LOGIN_AGAIN,
  70011: rejected(
    "the scope is invalid",
    "`scope` must name one resource and end in `/.default`: https://redis.azure.com/.default.",
  ),
  70021: NO_FEDERATION_MATCH,
  70025: rejected(
    "the identity has no federated credentials",
    "Create a federated credential for this workload's issuer and subject on the identity.",
  ),
  70043: LOGIN_AGAIN,
  90002: rejected(
    "the tenant was not found",
    "Check `tenantId` (`AZURE_TENANT_ID`), and `cloud` if the tenant is not in the public cloud.",
  ),
  90006: TRANSIENT,
  90013: rejected(
    "the request's input is invalid",
    "Check `tenantId`, `clientId` and `scope` for stray characters.",
  ),
  90024: TRANSIENT,
  90033: TRANSIENT,
  90038: CROSS_CLOUD,
  90055: {
    verdict: "throttled",
    meaning: "the tenant sends too many requests",
    remedy:
      "Nothing to do here: the request is repeated later; reduce the tenant's token requests if it lasts.",
  },
  90090: TRANSIENT,
  100007: rejected(
    "regional endpoints serve managed identities and SN+I certificates only",
    "Unset `AZURE_REGIONAL_AUTHORITY_NAME`.",
  ),
  500011: BAD_RESOURCE,
  650057: BAD_RESOURCE,
  700016: rejected(
    "the tenant has no application with this client ID",
    "Check `clientId` (`AZURE_CLIENT_ID`) and `tenantId` (`AZURE_TENANT_ID`); the client ID is not the object ID.",
  ),
  700024: {
    ...rejected(
      "the assertion is outside its time of validity",
      "Check this machine's clock; with workload identity, check that the federated token file is renewed.",
    ),
    mayPass: true,
  },
  700027: rejected(
    "the application does not know the certificate that signed the assertion",
    "Upload this certificate to the application, and compare the thumbprints.",
  ),
  700082: LOGIN_AGAIN,
  700211: NO_FEDERATION_MATCH,
  700212: rejected(
    "no federated credential of the identity matches the token's audience",
    "Use the audience api://AzureADTokenExchange (US Gov …USGov, China …China) on both sides.",
  ),
  700213: rejected(
    "no federated credential of the identity matches the token's subject",
    "Compare the federated credential's subject with system:serviceaccount:<namespace>:<service account>, in the same case.",
  ),
  700223: FEDERATION_BLOCKED,
  700238: FEDERATION_BLOCKED,
  900382: CROSS_CLOUD,
  7000112: DISABLED_APP,
  7000215: rejected(
    "the client secret is wrong",
    "Set `clientSecret` (`AZURE_CLIENT_SECRET`) to the secret's Value, not to its Secret ID.",
  ),
  7000218: rejected(
    "the request carried neither a secret nor an assertion",
    "Give the application a secret, a certificate or a federated credential, and configure it here.",
  ),
  7000222: rejected(
    "the client secret has expired",
    "Create a new client secret, or move to a managed identity or federation, which have none.",
  ),
  9001023: NO_TENANT,
};

/** The first `AADSTS` number in a text. */
export function aadstsNumber(text: string): number | undefined {
  const digits = /AADSTS(\d{4,8})/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
