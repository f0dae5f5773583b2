import type { Emulator } from "azure-redis-emulator";
import type { Machine, Start } from "../machine.js";
import { NOBODY, type SetUp } from "./set-up.js";

const MINUTE_MS = 60_000;

/** A token endpoint that gives a token with these claims; `undefined` leaves one out. */
async function given(
  machine: Machine,
  azure: Emulator,
  claims: Readonly<Record<string, unknown>>,
  objectId = azure.systemIdentity.objectId,
): Promise<Start> {
  const token = await azure.issueToken(objectId, claims);
  const AZURE_POD_IDENTITY_AUTHORITY_HOST = await machine.metadataService({ token });
  return machine.start(azure.systemIdentity, { AZURE_POD_IDENTITY_AUTHORITY_HOST });
}

/** What is wrong with a token, or with the clock that it is read by. */
export const TOKEN_SET_UPS: readonly SetUp[] = [
  {
    name: "a token for another resource",
    prepare: (machine, azure) => given(machine, azure, { aud: "https://management.azure.com" }),
    expected: {
      rule: "audience-mismatch",
      equallyTrue: { "token-for-other-audience": "what Redis refuses for the same reason" },
      says: /management\.azure\.com/,
    },
  },
  {
    name: "a token without an object ID",
    prepare: (machine, azure) => given(machine, azure, { oid: undefined }),
    expected: { rule: "object-id-missing" },
  },
  {
    name: "something that is no token",
    async prepare(machine, azure) {
      const AZURE_POD_IDENTITY_AUTHORITY_HOST = await machine.metadataService({ token: "opaque-value-1" });
      return machine.start(azure.systemIdentity, { AZURE_POD_IDENTITY_AUTHORITY_HOST });
    },
    expected: { rule: "token-not-a-jwt" },
  },
  {
    name: "an endpoint that serves a token which has ended",
    prepare(machine, azure) {
      azure.injectFault("imds", { kind: "expiredToken" });
      return machine.start(azure.systemIdentity);
    },
    expected: { rule: "token-stale" },
  },
  {
    name: "a clock that is two hours ahead",
    prepare(machine, azure) {
      azure.setClockOffset(-120 * MINUTE_MS);
      return machine.start(azure.servicePrincipal);
    },
    // The library counts by the issuer's clock, so that it logs in all the same.
    expected: { rule: "clock-skew", severity: "warning" },
  },
  {
    name: "a clock that is ten minutes behind",
    prepare(machine, azure) {
      azure.setClockOffset(10 * MINUTE_MS);
      return machine.start(azure.servicePrincipal);
    },
    expected: { rule: "clock-skew", severity: "warning" },
  },
  {
    name: "a developer's machine whose clock is two hours ahead",
    prepare(machine, azure) {
      azure.setClockOffset(-120 * MINUTE_MS);
      return machine.laptop({ az: azure.developer }, "--identity", "azure-cli");
    },
    expected: {
      // The tool says no time of its own, by which the clock could be judged.
      rule: "token-expired-on-arrival",
      says: /clock/,
      equallyTrue: { "clock-ahead": "that is what it is" },
    },
  },
  {
    name: "a token of another tenant",
    prepare: (machine, azure) =>
      given(machine, azure, { tid: NOBODY, iss: `https://sts.windows.net/${NOBODY}/` }),
    expected: {
      rule: "access-policy-missing",
      certainty: "likely",
      alternatives: ["cache-in-other-tenant"],
      equallyTrue: { "cache-in-other-tenant": "that is what it is" },
    },
  },
];
