/** A setting as somebody has written it, and where: `--listen`, `argument 2` or `proxy.yaml line 7`. */
export interface Given {
  readonly source: string;
  readonly value: string;
}

/** Settings by the names of their flags. */
export type GivenSettings = ReadonlyMap<string, Given>;

/** What stands between the parts of a list: between the settings of an argument, too. */
export const SEPARATOR = ",";
