export interface TenantNames {
  /** In addresses: the tenant's ID, `common` or `organizations`. */
  readonly path: string;
  /** In the issuer: the tenant's ID, or `{tenantid}` where that depends on the user. */
  readonly issuer: string;
}

/**
 * The OpenID Connect metadata of a tenant.
 *
 * MSAL needs `token_endpoint`, `authorization_endpoint`, `issuer` and `jwks_uri`.
 */
export function tenantMetadata(authorityHost: string, tenant: TenantNames, version: "v1" | "v2"): object {
  const base = `${authorityHost}/${tenant.path}`;
  const path = version === "v1" ? "oauth2" : "oauth2/v2.0";
  return {
    token_endpoint: `${base}/${path}/token`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
    jwks_uri: `${base}/discovery/${version === "v1" ? "" : "v2.0/"}keys`,
    response_modes_supported: ["query", "fragment", "form_post"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
    scopes_supported: ["openid", "profile", "email", "offline_access"],
    issuer:
      version === "v1"
        ? `https://sts.windows.net/${tenant.issuer}/`
        : `${authorityHost}/${tenant.issuer}/v2.0`,
    authorization_endpoint: `${base}/${path}/authorize`,
    device_authorization_endpoint: `${base}/${path}/devicecode`,
    end_session_endpoint: `${base}/${path}/logout`,
    claims_supported: ["sub", "iss", "aud", "exp", "iat", "tid", "ver", "oid"],
    tenant_region_scope: null,
    cloud_instance_name: new URL(authorityHost).hostname,
  };
}

/** The metadata of the issuer that federated assertions come from, as a Kubernetes cluster publishes them. */
export function federationMetadata(issuer: string): object {
  return {
    issuer,
    jwks_uri: `${issuer}/keys`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
  };
}
