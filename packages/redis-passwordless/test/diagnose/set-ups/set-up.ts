import type { Emulator } from "azure-redis-emulator";
import type { Certainty } from "../../../src/explain/rule.js";
import type { Machine, Start } from "../machine.js";

/** Which cache it takes: one server, or an OSS cluster that announces IP addresses, or the Enterprise policy. */
export type CacheKind = "single" | "cluster" | "unreachableNodes" | "enterprise";

/** What an expert would say who knows all that can be seen from the machine. */
export interface Diagnosis {
  /** The rule of the first finding. */
  readonly rule: string;
  /** Rules that are true of this set-up too and could stand first as well, each with the reason. */
  readonly equallyTrue?: Readonly<Record<string, string>>;
  /** Rules that must be among the further findings: another cause, independent of the first. */
  readonly also?: readonly string[];
  /** Where it matters: `likely` where something else looks the same. */
  readonly certainty?: Certainty;
  /** What else looks the same and has to be named. */
  readonly alternatives?: readonly string[];
  /** Default `error`, with exit code 1. */
  readonly severity?: "error" | "warning";
  /** What the meaning or the remedy has to name. */
  readonly says?: RegExp;
}

/** A way to set up a cache, an identity and a machine, and what is wrong with it. */
export interface SetUp {
  readonly name: string;
  /** Default `single`. */
  readonly cache?: CacheKind;
  /** Breaks what is to be broken, and says how the doctor is started. */
  prepare(machine: Machine, azure: Emulator): Promise<Start> | Start;
  /** `healthy`: no error. `flawless`: no finding at all. */
  readonly expected: Diagnosis | "healthy" | "flawless";
}

/** A GUID that names nothing. */
export const NOBODY = "3f9d0c3e-6c0e-4b8a-9d6b-0f6f2f0a9c11";
