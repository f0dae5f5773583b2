/**
 * Commands of Redis's category `@dangerous`, which Data Contributor lacks (`ACL CAT dangerous` of Redis 7 and 8); of
 * a command with subcommands all or, behind a bar, those named.
 * @see https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
 */
const DANGEROUS =
  /^(?:acl\|(?:deluser|dryrun|getuser|list|load|log|save|setuser|users)|bgrewriteaof|bgsave|client\|(?:kill|list|no-evict|pause|unblock|unpause)|cluster\|(?:addslots|addslotsrange|bumpepoch|count-failure-reports|delslots|delslotsrange|failover|flushslots|forget|meet|replicas|replicate|reset|saveconfig|set-config-epoch|setslot|slaves)|config\|.*|debug|failover|flushall|flushdb|info|keys|lastsave|latency\|.*|migrate|module\|.*|monitor|pfdebug|pfselftest|psync|replconf|replicaof|restore|restore-asking|role|save|shutdown|slaveof|slowlog\|.*|sort|sort_ro|swapdb|sync)$/;

/** Which of the built-in access policies of Azure Cache for Redis allow a command, in words. */
export function policiesWith(command: string | undefined): string | undefined {
  if (command === undefined) return "Data Owner and, mostly, Data Contributor";
  return DANGEROUS.test(command.toLowerCase()) ? "only Data Owner" : "Data Owner and Data Contributor";
}
