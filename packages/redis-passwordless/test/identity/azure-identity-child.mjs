// Asks @azure/identity for one token, in a process of its own: its managed identity source, token cache and trusted
// authorities are static. Reads `{ class, args }` from the first argument; writes the token's claims.
import * as azure from "@azure/identity";

const { name, args } = JSON.parse(process.argv[2] ?? "{}");
const Credential =
  /** @type {Record<string, new (...args: unknown[]) => import("@azure/identity").TokenCredential>} */ (
    /** @type {unknown} */ (azure)
  )[name];
if (Credential === undefined) throw new Error(`no credential ${name}`);
const token = await new Credential(...args).getToken("https://redis.azure.com/.default");
const body = JSON.parse(Buffer.from(token?.token.split(".")[1] ?? "", "base64url").toString());
process.stdout.write(JSON.stringify({ ...body, expiresOnTimestamp: token?.expiresOnTimestamp }));
