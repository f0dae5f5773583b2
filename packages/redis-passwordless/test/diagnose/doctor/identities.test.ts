import { inspect } from "node:util";
import { startEmulator } from "azure-redis-emulator";
import { expect, test } from "vitest";
import { type Candidate, examineIdentities, reportText } from "../../../src/diagnose/index.js";
import { address, principal, surroundings } from "./examined.js";

test("every identity has its own verdict, and one that gets in makes the others' surer", async () => {
  await using azure = await startEmulator();
  const unassigned = azure.addManagedIdentity({ kind: "user", accessPolicy: null });
  const candidates: readonly Candidate[] = [
    { name: "unassigned", options: { clientId: unassigned.clientId }, isAvailable: "yes" },
    { name: "system", options: { managedIdentity: true }, isAvailable: "yes" },
    {
      name: "principal",
      options: principal(azure, { ...azure.servicePrincipal, secret: "of-somebody-else" }),
      isAvailable: "maybe",
    },
  ];
  const options = { connection: { endpoint: address(azure) }, ca: azure.caCertificate };
  const told: string[] = [];
  const report = await examineIdentities(candidates, options, surroundings(azure), {
    onRow: ({ name }) => told.push(name),
  });

  expect(report.isHealthy).toBe(true);
  expect(told.toSorted()).toEqual(["principal", "system", "unassigned"]);
  expect(report.identities.map(({ name, token, login, objectId }) => [name, token, login, objectId])).toEqual(
    [
      ["unassigned", "received", "failed", unassigned.objectId],
      ["system", "received", "accepted", azure.systemIdentity.objectId],
      ["principal", "failed", "skipped", undefined],
    ],
  );
  const [first, , third] = report.identities.map(({ findings }) => findings[0]);
  expect(first?.rule).toBe("access-policy-missing");
  expect(first?.evidence["otherIdentityAccepted"]).toBe("system");
  expect(first?.alternatives.map(({ rule }) => rule)).not.toContain("entra-id-disabled");
  expect(third?.rule).toBe("client-secret-wrong");

  const text = reportText(report, { colours: false, columns: 100 });
  expect(text).toContain("lets in: system.");
  expect(`${JSON.stringify(report)}${inspect(report, { depth: 20 })}${text}`).not.toContain(
    "of-somebody-else",
  );
});

test("what keeps everybody out alike is told once", async () => {
  await using azure = await startEmulator();
  const candidates: readonly Candidate[] = [
    { name: "system", options: { managedIdentity: true }, isAvailable: "yes" },
    { name: "user", options: { clientId: azure.userIdentity.clientId }, isAvailable: "yes" },
  ];
  const options = { connection: { endpoint: "localhost:1" } };
  const report = await examineIdentities(candidates, options, surroundings(azure));
  expect(report.isHealthy).toBe(false);
  expect(report.findings.map(({ rule }) => rule)).toEqual(["connection-refused"]);
  expect(report.identities.map(({ findings }) => findings)).toEqual([[], []]);
});
