import { RedisProcess, randomPassword, type TestContext } from "./redis-processes.js";

/** A real master with one replica and the sentinel that watches them; all end with the test. */
export class RedisSentinel {
  readonly name = "cache";
  readonly master: RedisProcess;
  readonly replica: RedisProcess;
  readonly sentinel: RedisProcess;

  private constructor(master: RedisProcess, replica: RedisProcess, sentinel: RedisProcess) {
    this.master = master;
    this.replica = replica;
    this.sentinel = sentinel;
  }

  /** Starts them, and resolves when the sentinel knows the replica, which has the master's data. */
  static async start(test: TestContext): Promise<RedisSentinel> {
    const password = randomPassword();
    const master = await RedisProcess.start(test, { password, config: ["repl-diskless-sync-delay 0"] });
    const replica = await RedisProcess.start(test, {
      password,
      config: [`replicaof ${master.host} ${master.port}`],
    });
    await replica.logged(/MASTER <-> REPLICA sync: Finished with success/);
    const sentinel = await RedisProcess.start(test, {
      password,
      sentinel: true,
      config: [
        `sentinel monitor cache ${master.host} ${master.port} 1`,
        `sentinel auth-pass cache ${password}`,
        "sentinel down-after-milliseconds cache 2000",
        "sentinel failover-timeout cache 5000",
      ],
    });
    await sentinel.logged(/\+slave /);
    return new RedisSentinel(master, replica, sentinel);
  }

  /** Makes the replica the master, and resolves when the sentinel tells its clients so. */
  async failOver(): Promise<void> {
    await this.sentinel.command("SENTINEL", "FAILOVER", this.name);
    await this.sentinel.logged(/\+switch-master/);
  }
}
