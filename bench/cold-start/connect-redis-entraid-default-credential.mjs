import { DefaultAzureCredential } from "@azure/identity";
import { EntraIdCredentialsProviderFactory, REDIS_SCOPE_DEFAULT } from "@redis/entraid";
import { createClient } from "redis";
import { pingOnce } from "./ping-once.mjs";

const credentialsProvider = EntraIdCredentialsProviderFactory.createForDefaultAzureCredential({
  credential: new DefaultAzureCredential(),
  scopes: REDIS_SCOPE_DEFAULT,
  options: {},
  tokenManagerConfig: { expirationRefreshRatio: 0.8 },
});
await pingOnce(createClient({ url: process.env["REDIS_URL"] ?? "", credentialsProvider }));
