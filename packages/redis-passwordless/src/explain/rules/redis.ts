import type { Rule } from "../rule.js";

/** ACR's answer has `ERR` in front, some clients take the prefix off: what counts is the part that stays. */
const REFUSED = /WRONGPASS|invalid username|user is disabled/i;

/** What a Redis server answers. */
export const REDIS_RULES: readonly Rule[] = [
  {
    id: "username-is-client-id",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [{ reply: REFUSED }],
    given: [
      { fact: "username", equals: "clientId" },
      { fact: "username", differsFrom: "objectId" },
    ],
    meaning: "the user name {username} is the client ID of the identity, whose object ID is {objectId}",
    remedy: "Leave `username` out, or set it to the object ID {objectId}.",
  },
  {
    id: "access-policy-missing",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [{ reply: REFUSED }],
    certainty: "likely",
    meaning:
      "nothing is wrong with the token that can be seen from here, so the cache does not know its owner",
    remedy:
      "Give object ID {objectId|of the token} an access policy on {host|the cache}, and check that Microsoft Entra authentication is switched on there.",
    commands: {
      managedRedis: [
        "az redisenterprise database access-policy-assignment create -g RG --cluster-name {cacheName|CACHE} --database-name default --access-policy-assignment-name NAME --access-policy-name default --object-id {objectId|OID}",
      ],
      cacheForRedis: [
        'az redis access-policy-assignment create -g RG -n {cacheName|CACHE} --policy-assignment-name NAME --access-policy-name "Data Contributor" --object-id {objectId|OID} --object-id-alias ALIAS',
      ],
    },
    alternatives: ["entra-id-disabled"],
    isRetryable: true,
  },
  {
    id: "entra-id-disabled",
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    when: [],
    meaning: "Microsoft Entra authentication is switched off on the cache",
    remedy: "Switch Microsoft Entra authentication on in the cache's settings.",
  },
];
