import { json } from "../http/http-server.js";
import { optionalString, parseObject } from "./input.js";
import type { Route } from "./route.js";

/** What users do on the pages of Entra ID, and administrators to their sign-ins. */
export const SIGN_IN_ROUTES: readonly Route[] = [
  { method: "GET", path: "/device-codes", run: ({ emulator }) => json(200, emulator.deviceCodes) },
  {
    method: "POST",
    path: "/device-codes/:userCode/approve",
    run: ({ emulator, parameters, request }) => {
      emulator.approveDeviceCode(parameters[0] ?? "", optionalString(parseObject(request.body), "objectId"));
      return json(200, {});
    },
  },
  {
    method: "POST",
    path: "/device-codes/:userCode/decline",
    run: ({ emulator, parameters }) => {
      emulator.declineDeviceCode(parameters[0] ?? "");
      return json(200, {});
    },
  },
  {
    method: "POST",
    path: "/identities/:objectId/sign-out",
    run: ({ emulator, parameters }) => {
      emulator.signOut(parameters[0] ?? "");
      return json(200, {});
    },
  },
];
