import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type ListenAddress, Listener } from "../../src/proxy/listener.js";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "listener-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function whyNot(address: ListenAddress): Promise<string> {
  return Listener.open(address, () => {}).then(
    () => "it listens",
    (error: Error) => error.message,
  );
}

test("a socket in a folder that is not there is refused by this reason", async () => {
  const path = join(folder(), "nowhere", "cache.sock");
  expect(await whyNot({ kind: "unix", path, mode: 0o600 })).toContain("the folder does not exist");
});

test("what is handed over and is no socket is named as that", async () => {
  const path = join(folder(), "file");
  writeFileSync(path, "");
  const fd = openSync(path, "r");
  const message = await whyNot({ kind: "handed", fd, name: "cache" });
  closeSync(fd);
  expect(message).toContain("the socket cache that was handed over: there is no such socket");
});
