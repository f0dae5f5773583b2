import type { AccessAssignments } from "./access.js";
import type {
  AccessPolicy,
  ActiveFault,
  Counters,
  DeviceCode,
  Emulator,
  EmulatorEvent,
  EnvironmentOptions,
  FaultScope,
  FaultTarget,
  Identity,
  ManagedIdentityInit,
  ServicePrincipalInit,
  TokenFault,
  UserInit,
} from "./api.js";
import { DEVICE_LOGIN_PATH } from "./authority/device-login.js";
import type { SignIns } from "./authority/sign-ins.js";
import type { EmulatorClock } from "./clock.js";
import type { Closers } from "./closers.js";
import type { Directory } from "./directory/directory.js";
import {
  DEFAULT_FEDERATION_AUDIENCE,
  type IdentityRecord,
  managedIdentityRecord,
  servicePrincipalRecord,
  userRecord,
} from "./directory/identity-record.js";
import { type EnvironmentAddresses, environmentFor } from "./environment.js";
import type { EventLog, WaitOptions } from "./events/event-log.js";
import type { FaultRegistry } from "./faults/fault-registry.js";
import type { RedisFacade } from "./redis-facade.js";
import { newTokenId, tokenTimes } from "./tokens/claims.js";
import type { SigningKey } from "./tokens/signing-keys.js";
import type { TokenService } from "./tokens/token-service.js";

/** The running pieces that the emulator's interface acts on. */
export interface EmulatorParts {
  readonly clock: EmulatorClock;
  readonly directory: Directory;
  readonly access: AccessAssignments;
  readonly tokens: TokenService;
  readonly signIns: SignIns;
  readonly faults: FaultRegistry;
  readonly events: EventLog;
  readonly redis: RedisFacade;
  readonly federationKey: () => Promise<SigningKey>;
  readonly federationIssuer: string;
  readonly caCertificate: string;
  readonly addresses: EnvironmentAddresses;
  readonly closers: Closers;
}

/** One hour, as the tokens of GitHub Actions and Kubernetes live about that long. */
const ASSERTION_LIFETIME_MS = 3_600_000;

/** The default identities, and everything that can be changed and seen. */
export class RunningEmulator implements Emulator {
  readonly systemIdentity: Identity;
  readonly userIdentity: Identity;
  readonly servicePrincipal: Identity;
  readonly developer: Identity;
  readonly #parts: EmulatorParts;

  constructor(parts: EmulatorParts) {
    this.#parts = parts;
    this.systemIdentity = this.addManagedIdentity({ kind: "system" });
    this.userIdentity = this.addManagedIdentity({ kind: "user" });
    this.servicePrincipal = this.addServicePrincipal({});
    this.developer = this.addUser({ userPrincipalName: "developer@emulator.onmicrosoft.com" });
  }

  get tenantId(): string {
    return this.#parts.directory.tenantId;
  }

  get caCertificate(): string {
    return this.#parts.caCertificate;
  }

  get caFile(): string {
    return this.#parts.addresses.caFile;
  }

  get authorityHost(): string {
    return this.#parts.addresses.authorityHost;
  }

  get imdsHost(): string {
    return this.#parts.addresses.imdsHost;
  }

  get appService(): { readonly endpoint: string; readonly header: string } {
    return this.#parts.addresses.appService;
  }

  get redis(): RedisFacade {
    return this.#parts.redis;
  }

  get controlUrl(): string {
    return this.#parts.addresses.controlUrl;
  }

  get federationIssuer(): string {
    return this.#parts.federationIssuer;
  }

  get events(): readonly EmulatorEvent[] {
    return this.#parts.events.events;
  }

  get identities(): readonly Identity[] {
    return this.#parts.directory.records.map(({ identity }) => identity);
  }

  get counters(): Counters {
    return this.#parts.events.counters();
  }

  addManagedIdentity(init: ManagedIdentityInit): Identity {
    return this.#add(managedIdentityRecord(init));
  }

  addServicePrincipal(init: ServicePrincipalInit): Identity {
    return this.#add(servicePrincipalRecord(init));
  }

  addUser(init: UserInit = {}): Identity {
    return this.#add(userRecord(init));
  }

  get deviceCodes(): readonly DeviceCode[] {
    const page = `${this.authorityHost}${DEVICE_LOGIN_PATH}`;
    return this.#parts.signIns.deviceCodes.pending().map(({ userCode, clientId, expiresAtMs }) => ({
      userCode,
      clientId,
      verificationUri: `${page}?otc=${userCode}`,
      expiresAtMs,
    }));
  }

  approveDeviceCode(userCode: string, objectId: string = this.developer.objectId): void {
    const { kind } = this.#parts.directory.get(objectId).identity;
    if (kind !== "developer") {
      throw new TypeError(`Only a user can sign in with a device code; ${objectId} is a ${kind} identity.`);
    }
    this.#parts.signIns.approveDeviceCode(userCode, objectId);
  }

  declineDeviceCode(userCode: string): void {
    this.#parts.signIns.declineDeviceCode(userCode);
  }

  signOut(objectId: string): void {
    this.#parts.directory.get(objectId);
    this.#parts.signIns.refreshTokens.revoke(objectId);
  }

  removeIdentity(objectId: string): void {
    this.#parts.directory.remove(objectId);
    this.#parts.tokens.forget(objectId);
    this.#parts.access.remove(objectId);
  }

  assign(objectId: string, policy: AccessPolicy): Promise<void> {
    return this.#parts.access.set(objectId, policy);
  }

  revoke(objectId: string): Promise<void> {
    return this.#parts.access.set(objectId, null);
  }

  setTokenLifetime(lifetimeMs: number, objectId?: string): void {
    this.#parts.directory.setTokenLifetime(lifetimeMs, objectId);
  }

  setClockOffset(offsetMs: number): void {
    this.#parts.clock.setOffset(offsetMs);
  }

  injectFault(target: FaultTarget | "all", fault: TokenFault, scope?: FaultScope): ActiveFault {
    return this.#parts.faults.inject(target, fault, scope);
  }

  clearFaults(): void {
    this.#parts.faults.clear();
    this.#parts.redis.clearFaults();
  }

  async issueToken(objectId: string, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
    // A stranger's token is well signed, too: its login fails for want of an identity.
    const stranger = (): IdentityRecord => managedIdentityRecord({ kind: "system", objectId });
    return this.#parts.tokens.sign(this.#parts.directory.find(objectId) ?? stranger(), claims);
  }

  async issueFederatedToken({
    subject,
    audience = DEFAULT_FEDERATION_AUDIENCE,
    issuer = this.federationIssuer,
    expiresInMs = ASSERTION_LIFETIME_MS,
  }: Parameters<Emulator["issueFederatedToken"]>[0]): Promise<string> {
    const { issuedAt, expiresAt } = tokenTimes(this.#parts.clock.now(), expiresInMs);
    const key = await this.#parts.federationKey();
    return key.sign({
      iss: issuer,
      sub: subject,
      aud: audience,
      iat: issuedAt,
      // An assertion that is asked for with its end in the past has its beginning before that.
      nbf: Math.min(issuedAt, expiresAt - 1),
      exp: expiresAt,
      jti: newTokenId(),
    });
  }

  waitFor<T extends EmulatorEvent["type"]>(
    type: T,
    match?: (event: Extract<EmulatorEvent, { type: T }>) => boolean,
    options?: WaitOptions,
  ): Promise<Extract<EmulatorEvent, { type: T }>> {
    return this.#parts.events.waitFor(type, match, options);
  }

  /** The first event, of any type, that the guard accepts. */
  nextEvent<E extends EmulatorEvent>(
    matches: (event: EmulatorEvent) => event is E,
    options: WaitOptions,
  ): Promise<E> {
    return this.#parts.events.next(matches, options);
  }

  env(
    identity: Identity = this.systemIdentity,
    { managedIdentityEndpoint = "imds", serviceConnector, accessKey }: EnvironmentOptions = {},
  ): Record<string, string> {
    return environmentFor(identity, this.#parts.addresses, {
      endpoint: managedIdentityEndpoint,
      ...(serviceConnector !== undefined && { serviceConnector }),
      ...(accessKey && { accessKey: this.#accessKeyFor(serviceConnector) }),
    });
  }

  #accessKeyFor(serviceConnector: true | string | undefined): string {
    const { accessKey } = this.redis;
    if (serviceConnector === undefined || accessKey === undefined) {
      throw new TypeError(
        '"accessKey" is for the variables of "serviceConnector", and wants "redis.accessKey" at the start.',
      );
    }
    return accessKey;
  }

  close(): Promise<void> {
    return this.#parts.closers.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #add(record: IdentityRecord): Identity {
    this.#parts.directory.add(record);
    this.#parts.access.add(record.identity.objectId);
    return record.identity;
  }
}
