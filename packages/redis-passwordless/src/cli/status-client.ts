import { request } from "node:http";
import { listenLabel, type TcpAddress } from "../proxy/config/listen-address.js";
import type { Settings } from "./settings.js";
import { statusAddressOf } from "./status-address.js";
import { UsageError } from "./usage-error.js";

/** What a status server has answered. */
export interface StatusAnswer {
  readonly status: number;
  readonly body: string;
}

/** An answer is short; what is longer comes from something else. */
const LONGEST_BODY = 64 * 1024;

/**
 * Where the status server of a proxy is reached from this machine.
 *
 * @throws {UsageError}
 */
export function statusServerOf(settings: Settings): TcpAddress {
  const address = statusAddressOf(settings);
  if (address === undefined || address.port === 0) {
    throw new UsageError(
      "--http-address is missing: say where the proxy's status server is, as the proxy was told, such as 9091.",
    );
  }
  // Where it listens on all addresses, this machine is one of them.
  if (address.host === "0.0.0.0") return { ...address, host: "127.0.0.1" };
  return address.host === "::" ? { ...address, host: "::1" } : address;
}

/** @throws {Error} when nobody answers */
export function askStatusServer(
  address: TcpAddress,
  method: "GET" | "POST",
  path: string,
  signal: AbortSignal,
): Promise<StatusAnswer> {
  const { host, port } = address;
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host,
        port,
        method,
        path,
        signal,
        agent: false,
        headers: { host: listenLabel(address), "content-length": 0 },
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          body = (body + text).slice(0, LONGEST_BODY);
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        response.on("error", reject);
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}
