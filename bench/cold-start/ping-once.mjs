/**
 * Connects, says on standard output when the first PONG is there, and ends the process.
 *
 * @param {{ on(event: "error", listener: (error: Error) => void): unknown, connect(): Promise<unknown>, ping(): Promise<unknown> }} client
 */
export async function pingOnce(client) {
  client.on("error", (error) => {
    console.error(error);
    process.exit(1);
  });
  await client.connect();
  process.stdout.write(`${String(await client.ping())}\n`);
  // Only what came before counts, and some of the peers' timers would keep the process alive.
  process.exit(0);
}
