import { beforeEach, describe, expect, test } from "vitest";
import { Directory } from "../../src/directory/directory.js";
import { managedIdentityRecord, servicePrincipalRecord } from "../../src/directory/identity-record.js";
import type { ManagedIdentityInit } from "../../src/index.js";

let directory: Directory;

beforeEach(() => {
  directory = new Directory("tenant", 3_600_000);
});

function add(init: ManagedIdentityInit) {
  const record = managedIdentityRecord(init);
  directory.add(record);
  return record;
}

describe("the managed identity that a request gets", () => {
  test("is the system-assigned one when none is named", () => {
    const system = add({ kind: "system" });
    add({ kind: "user" });
    expect(directory.selectManaged({})).toBe(system);
  });

  test("is the system-assigned one that was added last", () => {
    add({ kind: "system" });
    const second = add({ kind: "system" });
    expect(directory.selectManaged({})).toBe(second);
  });

  test("is the only user-assigned one when there is no system-assigned one", () => {
    const user = add({ kind: "user" });
    expect(directory.selectManaged({})).toBe(user);
  });

  test("is none when several user-assigned ones are there and none is named", () => {
    add({ kind: "user" });
    add({ kind: "user" });
    expect(directory.selectManaged({})).toBe("ambiguous");
  });

  test("is none when there is none", () => {
    directory.add(servicePrincipalRecord({}));
    expect(directory.selectManaged({})).toBe("notFound");
  });

  test("is the one named by client ID, object ID or resource ID, whatever the case", () => {
    const user = add({
      kind: "user",
      clientId: "abc-1",
      objectId: "abc-2",
      resourceId: "/subscriptions/Abc",
    });
    expect(directory.selectManaged({ clientId: "ABC-1" })).toBe(user);
    expect(directory.selectManaged({ objectId: "ABC-2" })).toBe(user);
    expect(directory.selectManaged({ resourceId: "/SUBSCRIPTIONS/ABC" })).toBe(user);
  });

  test("is never an application, and never the system-assigned one by name", () => {
    const application = servicePrincipalRecord({});
    directory.add(application);
    const system = add({ kind: "system" });
    expect(directory.selectManaged({ clientId: application.identity.clientId })).toBe("notFound");
    expect(directory.selectManaged({ clientId: system.identity.clientId })).toBe("notFound");
  });
});

describe("token lifetimes", () => {
  test("an identity's own lifetime wins over the directory's", () => {
    const plain = add({ kind: "user" });
    const special = add({ kind: "user", tokenLifetimeMs: 5000 });
    directory.setTokenLifetime(10_000);
    expect(directory.tokenLifetimeMs(plain)).toBe(10_000);
    expect(directory.tokenLifetimeMs(special)).toBe(5000);
    directory.setTokenLifetime(7000, special.identity.objectId);
    expect(directory.tokenLifetimeMs(special)).toBe(7000);
  });

  test.each([999, 0, -1, Number.NaN, Infinity])("a lifetime of %d ms is refused", (lifetimeMs) => {
    expect(() => directory.setTokenLifetime(lifetimeMs)).toThrow(RangeError);
    expect(() => managedIdentityRecord({ kind: "user", tokenLifetimeMs: lifetimeMs })).toThrow(RangeError);
  });
});

test("two identities cannot share an object ID or a client ID", () => {
  add({ kind: "user", objectId: "oid", clientId: "client" });
  expect(() => add({ kind: "user", objectId: "oid" })).toThrow("exists already");
  expect(() => add({ kind: "user", clientId: "CLIENT" })).toThrow("exists already");
});

test("a service principal with a certificate or federation has no secret unless it is given one", () => {
  const federatedCredentials = [{ issuer: "i", subject: "s" }];
  expect(servicePrincipalRecord({}).identity.secret).toMatch(/^[\w-]{40}$/);
  expect(servicePrincipalRecord({ federatedCredentials }).identity.secret).toBeUndefined();
  expect(servicePrincipalRecord({ federatedCredentials, secret: "s" }).identity.secret).toBe("s");
});
