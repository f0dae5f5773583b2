/** A request that the caller must repair; its message goes back with status 400. */
export class InputError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InputError";
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** The body as a JSON object; an empty body counts as an empty object. */
export function parseObject(body: string): JsonObject {
  let value: unknown;
  try {
    value = body.trim() === "" ? {} : JSON.parse(body);
  } catch {
    throw new InputError("The request body is not JSON.");
  }
  if (!isObject(value)) {
    throw new InputError("The request body must be a JSON object.");
  }
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function requiredString(object: JsonObject, name: string): string {
  const value = optionalString(object, name);
  if (!value) {
    throw new InputError(`"${name}" is required.`);
  }
  return value;
}

export function optionalString(object: JsonObject, name: string): string | undefined {
  const value = object[name];
  if (value !== undefined && typeof value !== "string") {
    throw new InputError(`"${name}" must be a string.`);
  }
  return value;
}

export function requiredNumber(object: JsonObject, name: string): number {
  const value = optionalNumber(object, name);
  if (value === undefined) {
    throw new InputError(`"${name}" is required.`);
  }
  return value;
}

export function optionalNumber(object: JsonObject, name: string): number | undefined {
  const value = object[name];
  if (value !== undefined && typeof value !== "number") {
    throw new InputError(`"${name}" must be a number.`);
  }
  return value;
}

export function optionalBoolean(object: JsonObject, name: string): boolean | undefined {
  const value = object[name];
  if (value !== undefined && typeof value !== "boolean") {
    throw new InputError(`"${name}" must be true or false.`);
  }
  return value;
}

/** A query parameter as a whole number of at least 0. */
export function queryNumber(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null) {
    return fallback;
  }
  if (!/^\d{1,15}$/.test(text)) {
    throw new InputError(`The query parameter "${name}" must be a whole number.`);
  }
  return Number(text);
}

/** @throws {InputError} naming members that nobody would read */
export function checkNames(object: JsonObject, names: readonly string[]): void {
  const unknown = Object.keys(object).filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new InputError(`Unknown: ${unknown.join(", ")}. Known: ${names.join(", ")}.`);
  }
}

/** Those members of `names` that are there, each as `read` takes it. */
export function present<K extends string, T>(
  object: JsonObject,
  names: readonly K[],
  read: (object: JsonObject, name: string) => T | undefined,
): { [P in K]?: T } {
  const result: { [P in K]?: T } = {};
  for (const name of names) {
    const value = read(object, name);
    if (value !== undefined) {
      result[name] = value;
    }
  }
  return result;
}
