import { request } from "node:https";
import type { Emulator } from "azure-redis-emulator";
import type { Line } from "./laptop.js";

/** What a person does who is shown a device code: opens the page, types the code and decides; the page's status. */
export function decide(
  azure: Emulator,
  prompt: Line["prompt"],
  decision: "approve" | "decline",
): Promise<number | undefined> {
  const body = new URLSearchParams({ otc: prompt?.userCode ?? "", decision }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const options = { method: "POST", headers, ca: azure.caCertificate, agent: false as const };
  return new Promise((resolve, reject) => {
    request(prompt?.verificationUri ?? "", options, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    })
      .on("error", reject)
      .end(body);
  });
}
