// Apart from the caches, so that tests with one client library do not load those of the other.

/**
 * Life of the tokens in these tests, in milliseconds: short, so that the suite stays short. The recorded
 * figures are from `TOKEN_LIFETIME_MS=10000`.
 */
export const TOKEN_LIFETIME_MS = Number(process.env["TOKEN_LIFETIME_MS"] ?? 3_000);

/** How many rotations the measured situations last. */
export const ROTATIONS = Number(process.env["ROTATIONS"] ?? 3);
