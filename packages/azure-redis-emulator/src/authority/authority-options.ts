import type { CertificateAndKey } from "../certificates/certificate-authority.js";
import type { EmulatorClock } from "../clock.js";
import type { Directory } from "../directory/directory.js";
import type { TokenRequests } from "../faults/token-requests.js";
import type { SigningKey } from "../tokens/signing-keys.js";
import type { TokenService } from "../tokens/token-service.js";
import type { SignIns } from "./sign-ins.js";

/** What Entra ID is made of. */
export interface AuthorityOptions {
  readonly tls: CertificateAndKey;
  readonly clock: EmulatorClock;
  readonly directory: Directory;
  readonly tokens: TokenService;
  readonly requests: TokenRequests;
  readonly signIns: SignIns;
  /** Signs access tokens. */
  readonly tokenKey: SigningKey;
  /** Signs federated assertions. */
  readonly federationKey: () => Promise<SigningKey>;
  /** `https://localhost:PORT`, known once the server listens. */
  readonly authorityHost: () => string;
}
