import { inspect } from "node:util";
import type { PasswordlessError } from "../core/errors.js";
import type { IdentityKind } from "../identity/plan.js";
import { type AzureEndpoint, display } from "./endpoint.js";

/** A variable that is set. */
export interface DescribedVariable {
  readonly name: string;
  /** `"[secret]"` for what must not be shown. */
  readonly value: string;
  readonly purpose: string;
  /** Whether anything would be different without it; `false` for all while there is an error. */
  readonly isUsed: boolean;
}

/** What options and environment amount to. Holds no secret: it may be logged, printed and sent as JSON. */
export interface Description {
  readonly endpoint:
    | (Pick<AzureEndpoint, "host" | "port" | "product" | "cloud"> & { readonly reason: string })
    | undefined;
  /** Who logs in; `undefined` when an access key does. */
  readonly identity:
    | {
        readonly kind: IdentityKind;
        readonly description: string;
        readonly reason: string;
        readonly scope: string;
        /** Where Entra ID is asked; `undefined` when somebody else does that, such as the managed identity endpoint. */
        readonly authorityHost: string | undefined;
      }
    | undefined;
  readonly accessKey: { readonly username: string | undefined; readonly reason: string } | undefined;
  readonly variables: readonly DescribedVariable[];
  readonly hints: readonly string[];
  /** Why there is no connection; `identity` and `accessKey` are `undefined` then. */
  readonly error: PasswordlessError | undefined;
  /** A text for a terminal. */
  toString(): string;
}

/** The description that can print itself. */
export class DescribedEnvironment implements Description {
  readonly endpoint: Description["endpoint"];
  readonly identity: Description["identity"];
  readonly accessKey: Description["accessKey"];
  readonly variables: Description["variables"];
  readonly hints: Description["hints"];
  readonly error: Description["error"];

  constructor(facts: Omit<Description, "toString">) {
    this.endpoint = facts.endpoint;
    this.identity = facts.identity;
    this.accessKey = facts.accessKey;
    this.variables = facts.variables;
    this.hints = facts.hints;
    this.error = facts.error;
  }

  /** An error's message is no part of its JSON otherwise. */
  toJSON(): object {
    const { code, message, remedy } = this.error ?? {};
    const error = this.error === undefined ? undefined : { code, message, remedy };
    return Object.assign({}, this, { error });
  }

  toString(): string {
    const width = Math.max(0, ...this.variables.map(({ name, value }) => name.length + 1 + value.length));
    const lines = this.variables.map(({ name, value, purpose, isUsed }) => {
      const use = isUsed || this.error !== undefined ? purpose : `changes nothing (${purpose})`;
      return `${`${name}=${value}`.padEnd(width)}  ${use}`;
    });
    return [
      ...section("Endpoint", this.#endpointLines()),
      ...section("Login", this.#loginLines()),
      ...section("Variables", lines),
      ...section("Hints", this.hints),
      ...section("Error", this.error === undefined ? [] : [this.error.message, this.error.docsUrl]),
    ].join("\n");
  }

  [inspect.custom](): unknown {
    return Object.assign({}, this);
  }

  #endpointLines(): string[] {
    if (this.endpoint === undefined) return [];
    const { host, port, product, cloud, reason } = this.endpoint;
    const what = product === "unknown" ? "no name of Azure's" : `${PRODUCTS[product]}, cloud ${cloud}`;
    return [`${display(host)}:${port} (${what})`, `because of: ${reason}`];
  }

  #loginLines(): string[] {
    if (this.accessKey !== undefined) {
      const { username, reason } = this.accessKey;
      return [`access key of user ${username ?? "default"}`, `because of: ${reason}`];
    }
    if (this.identity === undefined) return [];
    const { description, reason, scope, authorityHost } = this.identity;
    return [
      description,
      `because of: ${reason}`,
      `scope: ${scope}`,
      ...(authorityHost === undefined ? [] : [`authority: ${authorityHost}`]),
    ];
  }
}

const PRODUCTS = {
  managedRedis: "Azure Managed Redis",
  cacheForRedis: "Azure Cache for Redis",
  enterprise: "Azure Cache for Redis Enterprise",
} as const;

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}
