import { isPort, meantHost, type ReplyOrigin, Rewriting } from "./rewriting.js";

/** How redirects begin. */
export const REDIRECTS: readonly Buffer[] = [Buffer.from("-MOVED "), Buffer.from("-ASK ")];

const DASH = 45;

/** The longest that is looked at, in bytes; a host name has 253 at most. */
const LONGEST = 1_024;

/** `-MOVED slot host:port`; the host may be missing, and something may follow. */
const REDIRECT = /^(-(?:MOVED|ASK) \d{1,5} )(\S*):(\d{1,5})(?=[ \r])/;

/** Finds the address in a redirect; `undefined` when the frame is something else. */
export function redirect(frame: Buffer, origin: ReplyOrigin): Rewriting | undefined {
  const [, before = "", announced = "", portText = ""] = REDIRECT.exec(frame.toString("latin1")) ?? [];
  const port = Number(portText);
  const host = meantHost(announced, origin);
  if (before === "" || !isPort(port) || host === undefined) return undefined;
  const rewriting = new Rewriting(frame);
  const node = { host, port };
  const from = before.length;
  rewriting.announce(node);
  rewriting.replace({ from, to: from + announced.length + 1 + portText.length }, (local) => {
    const { host: localHost, port: localPort } = local(node);
    return `${localHost}:${localPort}`;
  });
  return rewriting;
}

/** Whether a reply that begins like this may be a redirect. */
export function mayBecomeRedirect(begin: Buffer): boolean {
  if (begin[0] !== DASH || begin.length > LONGEST) return false;
  return REDIRECTS.some((prefix) => {
    const length = Math.min(prefix.length, begin.length);
    return prefix.compare(begin, 0, length, 0, length) === 0;
  });
}
