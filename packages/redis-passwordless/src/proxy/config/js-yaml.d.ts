/** What is used of js-yaml, which brings no types. @see https://github.com/nodeca/js-yaml/blob/4.1.0/README.md */
declare module "js-yaml" {
  export interface State {
    readonly line: number;
    readonly result: unknown;
  }

  export interface LoadOptions {
    readonly schema?: unknown;
    /** Hears of the beginning and the end of each node, keys included. */
    readonly listener?: (event: "open" | "close", state: State) => void;
  }

  export function load(text: string, options?: LoadOptions): unknown;

  /** Every scalar is a text. */
  export const FAILSAFE_SCHEMA: unknown;

  export class YAMLException extends Error {
    readonly reason: string;
    readonly mark?: { readonly line: number };
  }
}
