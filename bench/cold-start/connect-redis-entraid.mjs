import { EntraIdCredentialsProviderFactory } from "@redis/entraid";
import { createClient } from "redis";
import { pingOnce } from "./ping-once.mjs";

// The documented way for a managed identity; `clientId` is required by its types and not used for this identity.
const credentialsProvider = EntraIdCredentialsProviderFactory.createForSystemAssignedManagedIdentity({
  clientId: "system-assigned",
  tokenManagerConfig: { expirationRefreshRatio: 0.8 },
});
await pingOnce(createClient({ url: process.env["REDIS_URL"] ?? "", credentialsProvider }));
