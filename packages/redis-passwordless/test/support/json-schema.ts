/** The part of JSON Schema 2020-12 that our own schemas use. */
export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly if?: Schema;
  readonly then?: Schema;
  readonly title?: string;
  readonly description?: string;
  readonly $schema?: string;
  readonly $id?: string;
}

const KEYWORDS: ReadonlySet<string> = new Set(
  (
    "$ref $defs type const enum pattern properties required additionalProperties " +
    "items oneOf allOf if then title description $schema $id"
  ).split(" "),
);

/**
 * What is wrong with a value, each as `/path: problem`; empty when it fits.
 *
 * @throws {Error} for a keyword that is not understood here: it would be ignored otherwise
 */
export function violations(root: Schema, value: unknown): string[] {
  return check(root, value, "");

  function check(schema: Schema, value: unknown, path: string): string[] {
    const unknown = Object.keys(schema).filter((keyword) => !KEYWORDS.has(keyword));
    if (unknown.length > 0) throw new Error(`Not understood: ${unknown.join(", ")}.`);
    return [
      ...(schema.$ref === undefined ? [] : check(definition(schema.$ref), value, path)),
      ...(schema.allOf ?? []).flatMap((part) => check(part, value, path)),
      ...checkScalar(schema, value, path),
      ...checkObject(schema, value, path),
      ...(schema.items !== undefined && Array.isArray(value)
        ? value.flatMap((item, index) => check(schema.items as Schema, item, `${path}/${index}`))
        : []),
      ...checkOneOf(schema, value, path),
      ...(schema.if !== undefined && schema.then !== undefined && check(schema.if, value, path).length === 0
        ? check(schema.then, value, path)
        : []),
    ];
  }

  function definition(ref: string): Schema {
    const found = root.$defs?.[ref.replace("#/$defs/", "")];
    if (found === undefined) throw new Error(`No definition: ${ref}.`);
    return found;
  }

  function checkObject(schema: Schema, value: unknown, path: string): string[] {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
    const { properties = {}, required = [], additionalProperties = true } = schema;
    const missing = required.filter((name) => !(name in value)).map((name) => `${path}/${name}: missing`);
    const wrong = Object.entries(value).flatMap(([name, inner]) => {
      const own = properties[name] ?? additionalProperties;
      if (typeof own === "object") return check(own, inner, `${path}/${name}`);
      return own ? [] : [`${path}/${name}: not described`];
    });
    return [...missing, ...wrong];
  }

  function checkOneOf({ oneOf }: Schema, value: unknown, path: string): string[] {
    if (oneOf === undefined) return [];
    const problems = oneOf.map((choice) => check(choice, value, path));
    const fitting = problems.filter((list) => list.length === 0).length;
    if (fitting === 1) return [];
    if (fitting > 1) return [`${path}: fits more than one`];
    return problems.reduce((best, list) => (list.length < best.length ? list : best));
  }
}

function checkScalar(schema: Schema, value: unknown, path: string): string[] {
  const problems: string[] = [];
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length > 0 && !types.some((type) => isOf(type, value)))
    problems.push(`is no ${types.join(", ")}`);
  if (schema.const !== undefined && value !== schema.const)
    problems.push(`is not ${JSON.stringify(schema.const)}`);
  if (schema.enum !== undefined && !schema.enum.includes(value)) problems.push("is not among the values");
  if (schema.pattern !== undefined && typeof value === "string" && !new RegExp(schema.pattern).test(value)) {
    problems.push(`does not match ${schema.pattern}`);
  }
  return problems.map((problem) => `${path}: ${JSON.stringify(value)} ${problem}`);
}

function isOf(type: string, value: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
}
