import { FAILSAFE_SCHEMA, load, type State, YAMLException } from "js-yaml";
import { ConfigError } from "./config-error.js";

/** What stands in a document: texts, `null`, lists and maps of them. */
export interface Document {
  readonly value: unknown;
  /** The line of a key, from 1. */
  lineOf(map: object, key: string): number | undefined;
}

/**
 * Reads YAML, of which JSON is a part. Every scalar is the text that stands there: what is a number is for the one to
 * say who takes it, so that a file means what the same flag would mean.
 *
 * @param name what the file is called in errors
 * @throws {ConfigError} with the line; never with the content
 */
export function parseDocument(text: string, name: string): Document {
  const lines = new WeakMap<object, Map<string, number>>();
  const open: Node[] = [];
  const listener = (event: "open" | "close", state: State): void => {
    if (event === "open") {
      open.push({ line: state.line + 1, children: [] });
      return;
    }
    const node = open.pop();
    if (node === undefined) return;
    open.at(-1)?.children.push({ line: node.line, result: state.result });
    const { result } = state;
    // An alias is the map that it stands for, whose lines are known.
    if (isMap(result) && !lines.has(result)) lines.set(result, linesOfKeys(node));
  };
  try {
    const value = load(text, { schema: FAILSAFE_SCHEMA, listener });
    return { value, lineOf: (map, key) => lines.get(map)?.get(key) };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const where = error.mark === undefined ? name : `${name} line ${error.mark.line + 1}`;
    throw new ConfigError(`${where} is neither YAML nor JSON: ${error.reason}.`, { cause: error });
  }
}

interface Node {
  readonly line: number;
  readonly children: { readonly line: number; readonly result: unknown }[];
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keys and values come in turn. */
function linesOfKeys({ children }: Node): Map<string, number> {
  return new Map(
    children.flatMap(({ line, result }, index) =>
      index % 2 === 0 && typeof result === "string" ? [[result, line] as const] : [],
    ),
  );
}
