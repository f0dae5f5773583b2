import { escapeHtml, type HttpAnswer, type HttpRequest, html, json } from "../http/http-server.js";
import type { AuthorityOptions } from "./authority-options.js";
import { checkClient, checkTenantOfUsers, userNamed } from "./clients.js";
import { EntraError } from "./entra-error.js";
import { formOf, refusalAnswer } from "./request-form.js";
import { checkScope } from "./scope.js";
import { USER_PERMISSIONS } from "./user-grant.js";

/** Where Microsoft's address microsoft.com/devicelogin leads to, on the authority's host. */
export const DEVICE_LOGIN_PATH = "/common/oauth2/deviceauth";

/** Starts the login of a device: answers with a code for the device and one for its user. */
export function answerDeviceCodeRequest(
  request: HttpRequest,
  tenant: string,
  options: AuthorityOptions,
): HttpAnswer {
  const form = formOf(request);
  try {
    checkTenantOfUsers(tenant, options.directory);
    const clientId = checkClient(form.get("client_id"), options.directory);
    checkScope(form.get("scope"), USER_PERMISSIONS, options.directory.tenantId);
    const { deviceCodes } = options.signIns;
    const { deviceCode, userCode } = deviceCodes.request(clientId);
    const verificationUri = `${options.authorityHost()}${DEVICE_LOGIN_PATH}`;
    options.signIns.log({ flow: "deviceCode", outcome: "requested", clientId, userCode });
    return json(200, {
      user_code: userCode,
      device_code: deviceCode,
      verification_uri: verificationUri,
      expires_in: deviceCodes.times.lifetimeMs / 1000,
      interval: deviceCodes.times.intervalMs / 1000,
      message: `To sign in, use a web browser to open the page ${verificationUri} and enter the code ${userCode} to authenticate.`,
    });
  } catch (error) {
    return refusalAnswer(error, request, form, options);
  }
}

/** The page on which the user types the code, and what it sends back: `otc`, `login_hint`, `decision`. */
export function answerDeviceLogin(request: HttpRequest, options: AuthorityOptions): HttpAnswer {
  if (request.method === "GET") {
    return html(200, "Sign in to your account", codeForm(request.query.get("otc") ?? ""));
  }
  const form = new URLSearchParams(request.body);
  const userCode = (form.get("otc") ?? "").trim().toUpperCase();
  try {
    if (form.get("decision") === "decline") {
      options.signIns.declineDeviceCode(userCode);
      return html(200, "Sign in to your account", "<h1>You declined the sign-in.</h1>");
    }
    const { objectId } = userNamed(form.get("login_hint"), options.directory).identity;
    options.signIns.approveDeviceCode(userCode, objectId);
    return html(
      200,
      "Sign in to your account",
      "<h1>You have signed in.</h1><p>You may close this window.</p>",
    );
  } catch (error) {
    const reason =
      error instanceof EntraError ? error.message : "That code didn’t work. Check the code and try again.";
    return html(
      400,
      "Sign in to your account",
      `<p role="alert">${escapeHtml(reason)}</p>${codeForm(userCode)}`,
    );
  }
}

function codeForm(userCode: string): string {
  return `<h1>Enter code</h1>
<form method="POST" action="${DEVICE_LOGIN_PATH}">
<label>Code <input name="otc" value="${escapeHtml(userCode)}" autocomplete="off" required></label>
<label>Sign in as <input name="login_hint" placeholder="the developer"></label>
<button name="decision" value="approve">Sign in</button>
<button name="decision" value="decline">Decline</button>
</form>`;
}
