import { readFileSync } from "node:fs";

/** A reply as a real server has sent it: three masters, a replica of the first one, and the second without a name. */
export interface CapturedReply {
  readonly server: string;
  /** `cluster-preferred-endpoint-type` */
  readonly endpoint: "ip" | "hostname" | "unknown-endpoint";
  readonly resp: 2 | 3;
  /** Whether it came over TLS; the servers also listen without. */
  readonly isEncrypted: boolean;
  readonly command: string;
  readonly reply: string;
}

export const CAPTURED = JSON.parse(
  readFileSync(new URL("./captured.json", import.meta.url), "utf8"),
) as readonly CapturedReply[];

export function named({ server, command, resp, endpoint, isEncrypted }: CapturedReply): string {
  return `${server}, ${command}, RESP${resp}, ${endpoint}, ${isEncrypted ? "TLS" : "no TLS"}`;
}
