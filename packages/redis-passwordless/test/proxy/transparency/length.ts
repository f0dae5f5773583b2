/** `LONG=1` runs what is too long for every run of the suite: more calls, more scenarios, more relays. */
export const LONG: boolean = process.env["LONG"] !== undefined;
