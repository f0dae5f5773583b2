import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What a credential of @azure/identity came back with. */
export type CredentialResult =
  | {
      readonly claims: Readonly<Record<string, unknown>>;
      readonly expiresOnTimestamp: number;
      readonly refreshAfterTimestamp?: number;
    }
  | { readonly error: { readonly name: string; readonly message: string } };

/** Ends the credential's retries in time: a fault that stays would otherwise keep it busy for a minute. */
const PRINT = `
const scope = "https://redis.azure.com/.default";
try {
  const { token, ...rest } = await credential.getToken(scope);
  const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  console.log(JSON.stringify({ claims, ...rest }));
} catch (error) {
  console.log(JSON.stringify({ error: { name: error.name, message: error.message } }));
}`;

/**
 * Gets a token with the real @azure/identity in a process of its own: it reads its environment and Node's
 * extra CA at the start, and keeps one cache for the whole process.
 *
 * @param expression makes the credential; `identity` is the module, `env` the environment
 */
export async function getTokenWith(
  expression: string,
  env: Readonly<Record<string, string>>,
): Promise<CredentialResult> {
  const script = `
    import * as identity from "@azure/identity";
    const env = process.env;
    const credential = ${expression};
    ${PRINT}`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: import.meta.dirname,
    env: { PATH: process.env["PATH"], ...env },
  });
  return JSON.parse(stdout) as CredentialResult;
}
