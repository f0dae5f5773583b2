import { duration } from "../../explain/duration.js";
import type { ClientEnd, ProxyEvents, ProxyState } from "../events.js";
import type { LogLevel, Notice, NoticeFields, Trouble } from "./notice.js";
import { troubleOf } from "./trouble.js";

type Told = Omit<Notice, "event" | "atMs" | "key"> & {
  /** What, besides the event, makes this another matter. */
  readonly about: string;
};

/** Events that are told one by one; re-authentications are summed up by `Rotations`. */
export type ToldEvent = Exclude<keyof ProxyEvents, "reauthenticated">;

type Tellers = { readonly [Name in ToldEvent]: (payload: ProxyEvents[Name], nowMs: number) => Told };

/**
 * What a client's end is to an operator. That the server was unreachable is told by the failure itself; here it would
 * only be said again for each client.
 */
const CLIENT_ENDS: Readonly<Record<ClientEnd, readonly [level: LogLevel, text: string]>> = {
  client: ["debug", "A client has left"],
  server: ["debug", "The server has closed a client's connection"],
  unreachable: ["debug", "A client was let go because the server could not be reached"],
  limit: ["warn", "A client was turned away: there are as many as there may be"],
  refused: ["warn", "A client was turned away: wrong password, or no Redis protocol"],
  expiry: ["warn", "A client was let go because its login could not be renewed in time"],
  idle: ["debug", "A client that waited for nothing was let go because the proxy is closing"],
  closing: ["debug", "A client was let go because the proxy is closing"],
};

const STATES: Readonly<Record<ProxyState, string>> = {
  starting: "The proxy is starting",
  ready: "The proxy is ready: everything listens",
  draining: "The proxy is draining: clients may finish",
  closed: "The proxy is closed",
};

const TELLERS: Tellers = {
  clientConnected: ({ instance, client }) => ({
    level: "debug",
    text: "A client has connected",
    fields: { instance, client },
    about: instance,
  }),
  clientClosed: ({ instance, client, reason, openMs }) => {
    const [level, text] = CLIENT_ENDS[reason];
    const fields = { instance, client, reason, openMs: Math.round(openMs) };
    return { level, text, fields, about: `${instance} ${reason}` };
  },
  acceptFailed: ({ instance, address, error }) =>
    failed("error", `A client at ${address} could not be taken in`, { instance, address }, troubleOf(error)),
  upstreamConnected: ({ instance, server, tookMs }) => ({
    level: "debug",
    text: `Connected and logged in to ${server}`,
    fields: { instance, server, tookMs: Math.round(tookMs) },
    about: `${instance} ${server}`,
  }),
  upstreamFailed: ({ instance, server, error }) =>
    failed("warn", "A connection to the cache failed", { instance, server }, troubleOf(error)),
  reauthenticationFailing: ({ instance, server, error, attempt, authenticatedUntilMs }, nowMs) =>
    failed(
      "warn",
      `A connection to ${server} could not be given the new token${
        authenticatedUntilMs === undefined
          ? ""
          : `; the old one lasts for another ${duration(authenticatedUntilMs - nowMs)}`
      }`,
      { instance, server, attempt, ...instant("authenticatedUntil", authenticatedUntilMs) },
      troubleOf(error),
    ),
  tokenRefreshed: ({ identity, token }, nowMs) => ({
    level: "info",
    text: `A new token for the ${identity}, valid for ${duration(token.expiresAtMs - nowMs)}`,
    fields: { identity, username: token.username, ...instant("expiresAt", token.expiresAtMs) },
    about: identity,
  }),
  refreshFailing: ({ identity, error, attempt, lasting, nextAttemptAtMs, expiresAtMs }, nowMs) =>
    failed(
      lasting ? "error" : "warn",
      `No new token for the ${identity}; ${
        expiresAtMs === undefined
          ? "there is none"
          : `the current one lasts for another ${duration(expiresAtMs - nowMs)}`
      }; next try in ${duration(nextAttemptAtMs - nowMs)}`,
      {
        identity,
        attempt,
        lasting,
        ...instant("nextAttemptAt", nextAttemptAtMs),
        ...instant("expiresAt", expiresAtMs),
      },
      troubleOf(error, { target: "authority" }),
    ),
  recovered: ({ identity, failures, outageMs }) => ({
    level: "info",
    text: `Tokens for the ${identity} arrive again, after ${failures} ${
      failures === 1 ? "failure" : "failures"
    } in ${duration(outageMs)}`,
    fields: { identity, failures, outageMs: Math.round(outageMs) },
    about: identity,
  }),
  tokenExpired: ({ identity, expiredAtMs }) => ({
    level: "error",
    text: `The token of the ${identity} has ended before there was a new one: new clients have to wait`,
    fields: { identity, ...instant("expiredAt", expiredAtMs) },
    about: identity,
  }),
  stateChanged: ({ state }) => ({ level: "info", text: STATES[state], fields: { state }, about: state }),
};

/** Tells an event to an operator: at which level, in which words, with which facts. */
export function noticeOf<Name extends ToldEvent>(
  event: Name,
  payload: ProxyEvents[Name],
  nowMs: number,
): Notice {
  const { about, ...told } = TELLERS[event](payload, nowMs);
  return { ...told, event, atMs: nowMs, key: `${event} ${about}` };
}

/** Whether an event is told at `debug` only: what happens with each connection when all is well. */
export function isDetail<Name extends ToldEvent>(event: Name, payload: ProxyEvents[Name]): boolean {
  if (event === "clientConnected" || event === "upstreamConnected") return true;
  return "reason" in payload && CLIENT_ENDS[payload.reason][0] === "debug";
}

/** The events that {@link noticeOf} tells. */
export const TOLD_EVENTS = Object.keys(TELLERS) as readonly ToldEvent[];

/** One failure is like another when the same thing has failed for the same reason. */
function failed(level: LogLevel, text: string, fields: NoticeFields, trouble: Trouble): Told {
  const { instance = "", server = "", identity = "" } = fields;
  const about = `${instance} ${server} ${identity} ${trouble.rule ?? trouble.observed}`;
  return { level, text, fields, trouble, about };
}

function instant(name: string, atMs: number | undefined): NoticeFields {
  return atMs === undefined ? {} : { [name]: new Date(atMs).toISOString() };
}
