import { createSecureContext } from "node:tls";
import { createIdentity, type EntraIdOptions } from "../../../src/azure/entra-id.js";
import type { InstanceOptions } from "../../../src/proxy/options.js";
import { type RunningProxy, startProxy } from "../../../src/proxy/proxy.js";
import { dial, makeWorld, startCache, type World, type WorldOptions } from "./worlds.js";

/** The world of a client of the proxy. */
export interface ProxiedWorld extends World {
  readonly proxy: RunningProxy;
  /** The port that clients connect to. */
  readonly port: number;
}

/** Clients connect to the proxy, without TLS, and log in nowhere. */
export async function proxiedWorld(
  options: WorldOptions & {
    readonly instance?: Partial<InstanceOptions>;
    readonly identity?: EntraIdOptions;
  } = {},
): Promise<ProxiedWorld> {
  const { azure, clientId } = await startCache(options);
  const identity = createIdentity(
    { managedIdentity: { clientId }, ...options.identity },
    { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost },
  );
  const { host, port: serverPort } = azure.redis;
  const proxy = await startProxy({
    instances: [
      {
        name: "cache",
        server: { host, port: serverPort, isEncrypted: true },
        identity,
        secureContext: createSecureContext({ ca: azure.caCertificate }),
        listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
        ...options.instance,
      },
    ],
  });
  const port = Number(proxy.status().instances[0]?.listening[0]?.split(":").at(-1));
  const closeRelay = async (): Promise<void> => {
    await proxy.close();
    await identity.close();
  };
  const world = await makeWorld("proxied", azure, () => dial(port), closeRelay);
  return { ...world, proxy, port };
}
