import type {
  AzureCliCredential,
  TokenCredential as AzureTokenCredential,
  ChainedTokenCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  ManagedIdentityCredential,
} from "@azure/identity";
import { expectTypeOf, test } from "vitest";
import { type EntraIdOptions, type Identity, PasswordlessError, type Token } from "../../src/index.js";

type Credential = NonNullable<EntraIdOptions["credential"]>;

test("every credential of @azure/identity is a credential", () => {
  expectTypeOf<AzureTokenCredential>().toExtend<Credential>();
  expectTypeOf<DefaultAzureCredential>().toExtend<Credential>();
  expectTypeOf<ManagedIdentityCredential>().toExtend<Credential>();
  expectTypeOf<ClientSecretCredential>().toExtend<Credential>();
  expectTypeOf<AzureCliCredential>().toExtend<Credential>();
  expectTypeOf<ChainedTokenCredential>().toExtend<Credential>();
});

test("every option may be undefined, so that options can be passed on", () => {
  type Undefined<T> = { readonly [Name in keyof T]: undefined };
  expectTypeOf<Undefined<Required<EntraIdOptions>>>().toExtend<EntraIdOptions>();
  expectTypeOf<Undefined<Required<NonNullable<EntraIdOptions["retry"]>>>>().toExtend<
    NonNullable<EntraIdOptions["retry"]>
  >();
});

test("an identity provider of one's own may be a function, synchronous or not, or an object", () => {
  type Provider = NonNullable<EntraIdOptions["identityProvider"]>;
  const token = { token: "t", username: "u", expiresAtMs: 1 };
  expectTypeOf(() => token).toExtend<Provider>();
  expectTypeOf(async () => token).toExtend<Provider>();
  expectTypeOf(async ({ signal }: { signal: AbortSignal }) => ({
    token: String(signal.aborted),
  })).toExtend<Provider>();
  expectTypeOf({ requestToken: async () => token }).toExtend<Provider>();
  expectTypeOf(() => ({ username: "u" })).not.toExtend<Provider>();
});

test("events know what they carry", () => {
  const listen = (identity: Identity): void => {
    expectTypeOf(
      identity.on("tokenRefreshed", (event) => {
        expectTypeOf(event.token).toEqualTypeOf<Token>();
      }),
    ).toEqualTypeOf<Disposable>();
    identity.on("refreshFailing", (event) => {
      expectTypeOf(event.error).toBeUnknown();
      expectTypeOf(event.lasting).toEqualTypeOf<boolean>();
      expectTypeOf(event.expiresAtMs).toEqualTypeOf<number | undefined>();
    });
    identity.on("reauthenticated", (event) => {
      expectTypeOf(event.connection).toEqualTypeOf<string>();
    });
    identity.on("reauthenticationFailing", (event) => {
      expectTypeOf(event.authenticatedUntilMs).toEqualTypeOf<number | undefined>();
      if (PasswordlessError.is(event.error)) expectTypeOf(event.error.remedy).toEqualTypeOf<string>();
    });
    // @ts-expect-error no such event
    identity.on("refreshed", () => {});
  };
  expectTypeOf(listen).toBeFunction();
});
