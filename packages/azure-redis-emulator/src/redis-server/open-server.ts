import { AdminConnection } from "./admin-connection.js";
import { RedisReplyError } from "./reply.js";
import type { RedisServer } from "./server.js";

/** Whether the server runs commands for whoever connects, without a login. */
export async function isOpenToAnybody({ host, port }: RedisServer): Promise<boolean> {
  const stranger = await AdminConnection.open({ host, port, username: "default", password: "" });
  try {
    await stranger.command("PING");
    return true;
  } catch (error) {
    if (error instanceof RedisReplyError) return false;
    throw error;
  } finally {
    stranger.close();
  }
}
