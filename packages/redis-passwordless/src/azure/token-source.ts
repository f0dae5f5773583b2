import { invalidOption } from "../core/errors.js";
import { cloudOfAuthority } from "../identity/clouds.js";
import { variable } from "../identity/managed-identity-source.js";
import { commonSettings } from "../identity/plan.js";
import type { EntraIdOptions } from "./entra-id.js";
import { contradictory } from "./service-connector.js";
import type { Situation } from "./situation.js";

/** The scope that a variable names. */
export function scopeOf({ options, variables, hints }: Situation): Pick<EntraIdOptions, "scope"> {
  const scope = variables.get("scope");
  if (scope === undefined) return {};
  const { names } = variables;
  if (options.entraId?.scope !== undefined || options.entraId?.scopes !== undefined) {
    hints.push(`The option \`entraId\` says which scope, so ${names.scope} is not used.`);
    return {};
  }
  if (!/^\S+\/\.default$/.test(scope)) {
    throw invalidOption(names.scope, "a scope that ends in `/.default`", scope);
  }
  return { scope };
}

/** The endpoint's cloud is where its tokens come from, unless somebody says otherwise. */
export function cloudOf({ options, server, env, hints }: Situation): Pick<EntraIdOptions, "cloud"> {
  const { endpoint, reason } = server;
  const { cloud, authorityHost, credential, identityProvider } = options.entraId ?? {};
  // Who brings the tokens knows their cloud.
  if (endpoint.product === "unknown" || credential !== undefined || identityProvider !== undefined) return {};
  if (cloud !== undefined && cloud !== endpoint.cloud) {
    hints.push(
      `The option \`entraId\` says cloud "${cloud}", while ${endpoint.host} is in "${endpoint.cloud}".`,
    );
  }
  if (cloud !== undefined || authorityHost !== undefined) return {};
  const written = variable(env, "AZURE_AUTHORITY_HOST");
  // The public cloud is the default, and @azure/identity goes by its own rules as long as nobody names one.
  if (written === undefined) return endpoint.cloud === "public" ? {} : { cloud: endpoint.cloud };
  const found = cloudOfAuthority(commonSettings({}, env).authorityHost);
  if (found === undefined || found === endpoint.cloud) return {};
  throw contradictory(
    { rule: "authority-of-other-cloud", contradiction: "cloud" },
    ["AZURE_AUTHORITY_HOST", reason],
    `AZURE_AUTHORITY_HOST (${written}) belongs to the cloud "${found}", and ${endpoint.host} (${reason}) to "${endpoint.cloud}".`,
    `Set AZURE_AUTHORITY_HOST to ${endpoint.authorityHost}, or say which is meant with the option \`entraId: { cloud }\`.`,
  );
}
