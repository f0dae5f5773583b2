import { ConfigError } from "../proxy/config/config-error.js";
import { parseListen, type TcpAddress } from "../proxy/config/listen-address.js";
import type { Settings } from "./settings.js";
import { UsageError } from "./usage-error.js";

/** Where the status server is, or is to be. @throws {UsageError} */
export function statusAddressOf(settings: Settings): TcpAddress | undefined {
  const given = settings.given("http-address");
  if (given === undefined) return undefined;
  const [address, ...more] = asUsage(() => parseListen(given));
  if (more.length > 0) throw settings.invalid("http-address", "one address");
  return address;
}

/** Has what is wrong in a file or an argument be a wrong use. @throws {UsageError} */
export function asUsage<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
