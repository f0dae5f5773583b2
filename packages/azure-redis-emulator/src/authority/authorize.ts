import { randomUUID } from "node:crypto";
import { escapeHtml, type HttpAnswer, type HttpRequest, html, redirect } from "../http/http-server.js";
import type { AuthorityOptions } from "./authority-options.js";
import { checkClient, checkTenantOfUsers, userNamed } from "./clients.js";
import { EntraError, entraErrorAnswer, missingParameter } from "./entra-error.js";
import { checkScope } from "./scope.js";
import { clientInfo, USER_PERMISSIONS } from "./user-grant.js";

/** What a native application may be redirected to: itself, listening on the user's machine. */
const REDIRECT_URI = /^http:\/\/localhost(?::\d{1,5})?(?:\/[^\s#]*)?$/i;
const PROMPTS: ReadonlySet<string> = new Set(["none", "login", "consent", "select_account"]);
type ResponseMode = "query" | "fragment" | "form_post";

/**
 * Signs the user in at once: the one that `login_hint` names, else the developer; sends the browser back with a
 * code.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code
 */
export function answerAuthorizeRequest(
  request: HttpRequest,
  tenant: string,
  options: AuthorityOptions,
): HttpAnswer {
  const parameters = new URLSearchParams([...request.query, ...new URLSearchParams(request.body)]);
  let target: { readonly uri: string; readonly mode: ResponseMode } | undefined;
  try {
    checkTenantOfUsers(tenant, options.directory);
    const clientId = checkClient(parameters.get("client_id"), options.directory);
    const redirectUri = checkRedirectUri(parameters.get("redirect_uri"), clientId);
    // From here on the client hears of what is wrong; before, only the user may.
    target = { uri: redirectUri, mode: "query" };
    target = { uri: redirectUri, mode: responseMode(parameters.get("response_mode")) };
    return sendBack(target, parameters, signIn(parameters, clientId, redirectUri, options));
  } catch (error) {
    if (!(error instanceof EntraError)) {
      throw error;
    }
    const { body } = entraErrorAnswer(error, {
      nowMs: options.clock.now(),
      authorityHost: options.authorityHost(),
    });
    const { error: name, error_description } = JSON.parse(body) as Record<string, string>;
    if (target === undefined) {
      return html(
        400,
        "Sign in",
        `<h1>Sorry, but we’re having trouble signing you in.</h1><p>${escapeHtml(error_description ?? "")}</p>`,
      );
    }
    return sendBack(target, parameters, { error: name ?? "", error_description: error_description ?? "" });
  }
}

/** What goes back to the client: a code. @throws {EntraError} */
function signIn(
  parameters: URLSearchParams,
  clientId: string,
  redirectUri: string,
  options: AuthorityOptions,
): Record<string, string> {
  if (parameters.get("response_type") !== "code") {
    throw new EntraError(
      70005,
      "unsupported_response_type",
      `The app returned an unsupported response type: '${parameters.get("response_type") ?? ""}'.`,
    );
  }
  checkScope(parameters.get("scope"), USER_PERMISSIONS, options.directory.tenantId);
  checkPrompt(parameters.get("prompt"));
  const codeChallenge = challengeOf(parameters, clientId, options);
  const { objectId } = userNamed(parameters.get("login_hint"), options.directory).identity;
  const code = options.signIns.authorizationCodes.issue({
    objectId,
    clientId,
    redirectUri,
    codeChallenge,
    nonce: parameters.get("nonce") ?? undefined,
  });
  options.signIns.log({ flow: "browser", outcome: "approved", clientId, objectId });
  return {
    code,
    ...(parameters.get("client_info") === "1" && { client_info: clientInfo(objectId, options) }),
    session_state: randomUUID(),
  };
}

function checkRedirectUri(redirectUri: string | null, clientId: string): string {
  if (!redirectUri) {
    throw missingParameter("redirect_uri");
  }
  if (!REDIRECT_URI.test(redirectUri) || !URL.canParse(redirectUri)) {
    throw new EntraError(
      50011,
      "invalid_request",
      `The redirect URI '${redirectUri}' specified in the request does not match the redirect URIs configured for the application '${clientId}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.`,
    );
  }
  return redirectUri;
}

function responseMode(given: string | null): ResponseMode {
  const mode = given ?? "query";
  if (mode !== "query" && mode !== "fragment" && mode !== "form_post") {
    throw new EntraError(
      70007,
      "invalid_request",
      `'${mode}' is not a supported value of 'response_mode' when requesting a code.`,
    );
  }
  return mode;
}

function checkPrompt(prompt: string | null): void {
  if (prompt !== null && !PROMPTS.has(prompt)) {
    throw new EntraError(90023, "invalid_request", `Unsupported 'prompt' value: '${prompt}'.`);
  }
}

/** PKCE is what a client without a secret proves itself with. */
function challengeOf(
  parameters: URLSearchParams,
  clientId: string,
  { directory }: AuthorityOptions,
): string | undefined {
  const challenge = parameters.get("code_challenge");
  if (challenge === null) {
    if (directory.findByClientId(clientId)?.identity.secret !== undefined) {
      return undefined;
    }
    throw missingParameter("code_challenge");
  }
  if (parameters.get("code_challenge_method") !== "S256") {
    throw new EntraError(
      9002313,
      "invalid_request",
      "Invalid request. 'code_challenge_method' must be S256.",
    );
  }
  return challenge;
}

function sendBack(
  { uri, mode }: { readonly uri: string; readonly mode: ResponseMode },
  parameters: URLSearchParams,
  answer: Readonly<Record<string, string>>,
): HttpAnswer {
  const state = parameters.get("state");
  const fields = Object.entries({ ...answer, ...(state !== null && { state }) });
  if (mode === "fragment") {
    return redirect(`${uri}#${new URLSearchParams(fields)}`);
  }
  if (mode === "query") {
    const url = new URL(uri);
    for (const [name, value] of fields) {
      url.searchParams.set(name, value);
    }
    return redirect(url.href);
  }
  const inputs = fields.map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  );
  return html(
    200,
    "Working...",
    `<form method="POST" name="hiddenform" action="${escapeHtml(uri)}">${inputs.join("")}<button>Continue</button></form><script>document.forms[0].submit();</script>`,
  );
}
