import { encodeCommand } from "resp-framing";
import { hashSlot } from "./hash-slot.js";

/**
 * The commands that work on keys of different slots under the Enterprise clustering policy, and how many arguments
 * each of their keys takes with it.
 *
 * @see https://learn.microsoft.com/azure/redis/architecture
 */
const ARGUMENTS_PER_KEY: ReadonlyMap<string, number> = new Map([
  ["DEL", 1],
  ["EXISTS", 1],
  ["MGET", 1],
  ["MSET", 2],
  ["TOUCH", 1],
  ["UNLINK", 1],
]);

export const CROSS_SLOT_COMMANDS: readonly string[] = [...ARGUMENTS_PER_KEY.keys()];

/**
 * Runs `ARGV[1]`, one of {@link CROSS_SLOT_COMMANDS}, on the keys that follow it. A node of a cluster refuses one
 * command with keys of different slots in scripts too, but a script may take them one after the other, and nothing
 * else runs meanwhile. The keys are not declared, because declared ones would have to be in one slot.
 *
 * Permissions are the user's own. All are checked before the first key is touched, and who lacks one is told what
 * the command itself would tell; Redis 7.0 has another text in scripts, which says less than its regular one.
 */
const SCRIPT = `
local command = ARGV[1]
local step = 1
if command == [[MSET]] then step = 2 end

local function run(call, at)
  if step == 2 then return call(command, ARGV[at], ARGV[at + 1]) end
  return call(command, ARGV[at])
end

local function refusal(text)
  local reason, count = text:gsub([[^.-ACL.failure.in.script:.]], [[]])
  if count == 0 then
    reason = [[this_user_has_no_permissions_to_run_the_#]] .. command:lower() .. [[#_command]]
    if text:find([[the.keys]]) then
      reason = [[this_user_has_no_permissions_to_access_one_of_the_keys_used_as_arguments]]
    end
    reason = reason:gsub([[_]], string.char(32)):gsub([[#]], string.char(39))
  end
  return { err = [[NOPERM]] .. string.char(32) .. reason }
end

for at = 2, #ARGV, step do
  if not run(redis.acl_check_cmd, at) then return refusal(run(redis.pcall, at).err) end
end

local values, total = {}, 0
for at = 2, #ARGV, step do
  local reply = run(redis.pcall, at)
  if type(reply) == [[table]] and reply.err then return { err = reply.err } end
  if command == [[MGET]] then values[#values + 1] = reply[1]
  elseif command == [[MSET]] then values = reply
  else total = total + reply end
end
if command == [[MGET]] or command == [[MSET]] then return values end
return total
`;

/**
 * The script without white space, which a rule of an ACL cannot hold: an empty comment separates words just as well.
 * For the same reason its own texts have none, and no quotation marks around them.
 */
const BODY = SCRIPT.trim().replaceAll(/\s+/g, "--[[]]");

/**
 * A rule for each user: whatever else the policy says, this one script may run. It can do nothing that the user
 * may not do without it. Being a selector of its own it leaves the policy's rules as they are (Redis 7.0, Valkey).
 */
export const CROSS_SLOT_RULE = `(+eval|${BODY})`;

/**
 * Returns what to send in the place of one of {@link CROSS_SLOT_COMMANDS} whose keys are in different slots, or
 * `undefined` when the command can run as it is.
 */
export function acrossSlots(name: string, args: readonly Buffer[]): Buffer | undefined {
  const step = ARGUMENTS_PER_KEY.get(name);
  if (step === undefined || !areApart(args, step)) return undefined;
  // A key without its value: the server counts after it has looked at the slots, so it gets one key only.
  if ((args.length - 1) % step !== 0) return encodeCommand([...args.slice(0, 3), args[1]!]);
  return encodeCommand(["EVAL", BODY, "0", name, ...args.slice(1)]);
}

function areApart(args: readonly Buffer[], step: number): boolean {
  const slot = args.length > 1 + step ? hashSlot(args[1]!) : -1;
  for (let at = 1 + step; at < args.length; at += step) {
    if (hashSlot(args[at]!) !== slot) return true;
  }
  return false;
}
