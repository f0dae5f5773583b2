import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { findChromium } from "../../../../../scripts/lib/chromium.mjs";

type Message = {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
};

/** What happens in a page that nobody has asked for. */
export interface PageEvent {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * A browser without a window, spoken to over pipes.
 *
 * @see https://chromedevtools.github.io/devtools-protocol/
 */
export class Chromium implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #input: Writable;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #pages = new Map<string, Page>();
  #lastId = 0;
  #partial = "";

  constructor() {
    const path = findChromium();
    if (path === undefined) throw new Error("No browser: run `node scripts/ensure-chromium.mjs`.");
    this.#profile = mkdtempSync(join(tmpdir(), "chromium-"));
    const flags = [
      "--headless",
      // Containers give it no user namespace; it shows pages of our own only.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      `--user-data-dir=${this.#profile}`,
      "--remote-debugging-pipe",
      "about:blank",
    ];
    this.#process = spawn(path, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.#input = this.#process.stdio[3] as Writable;
    // It says goodbye by closing its pipes.
    this.#input.on("error", () => {});
    (this.#process.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.#process.on("exit", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("The browser has ended."));
    });
  }

  #read(text: string): void {
    const messages = `${this.#partial}${text}`.split("\0");
    this.#partial = messages.pop() ?? "";
    for (const message of messages) this.#take(JSON.parse(message) as Message);
  }

  #take({ id, method, sessionId = "", params = {}, result, error }: Message): void {
    if (id === undefined) {
      if (method !== undefined) this.#pages.get(sessionId)?.events.push({ method, params });
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
  }

  send<Result>(method: string, params: object = {}, sessionId?: string): Promise<Result> {
    const id = ++this.#lastId;
    const waiting = newPromise();
    this.#waiting.set(id, waiting);
    this.#input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return waiting.promise as Promise<Result>;
  }

  /** Opens a page of its own; what it loads and complains about is in its events from the beginning. */
  async open(url: string, options: { readonly javaScript?: boolean } = {}): Promise<Page> {
    const { targetId } = await this.send<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.send<{ sessionId: string }>("Target.attachToTarget", attach);
    const page = new Page((method, params) => this.send(method, params, sessionId));
    this.#pages.set(sessionId, page);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await page.send(`${domain}.enable`);
    if (options.javaScript === false) {
      await page.send("Emulation.setScriptExecutionDisabled", { value: true });
    }
    await page.send("Page.navigate", { url });
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** One page in the browser. */
export class Page {
  readonly send: <Result>(method: string, params?: object) => Promise<Result>;
  readonly events: PageEvent[] = [];

  constructor(send: <Result>(method: string, params?: object) => Promise<Result>) {
    this.send = send;
  }

  /** The value of an expression in the page; works where the page's own scripts are switched off, too. */
  async value<Value>(expression: string): Promise<Value> {
    const { result, exceptionDetails } = await this.send<{
      result: { value: Value };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    }>("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails === undefined) return result.value;
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }

  /** What a person reads. */
  text(): Promise<string> {
    return this.value<string>("document.body?.innerText ?? ''");
  }

  async press(key: "Tab" | "Enter", code: number): Promise<void> {
    const text = key === "Enter" ? "\r" : "";
    const event = { key, code: key, windowsVirtualKeyCode: code, text };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  /** What the browser has complained about: exceptions, blocked content, failed loads. */
  get complaints(): readonly string[] {
    return this.events
      .filter(({ method }) => ["Runtime.exceptionThrown", "Log.entryAdded"].includes(method))
      .map(({ params }) => JSON.stringify(params));
  }

  /** What it has loaded; the empty icon is part of the page. */
  get requested(): readonly string[] {
    return this.events
      .filter(({ method }) => method === "Network.requestWillBeSent")
      .map(({ params }) => (params["request"] as { url: string }).url)
      .filter((url) => url !== "data:,");
  }
}

interface PromiseWithResolvers<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

function newPromise(): PromiseWithResolvers<unknown> {
  let resolve: (value: unknown) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<unknown>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
