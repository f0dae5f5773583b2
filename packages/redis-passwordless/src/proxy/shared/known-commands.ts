// Written by scripts/known-commands.mjs: what Redis 7.0.15, Redis 8.0.2, Valkey 8.1.1 say of their commands.

/**
 * One command a line: name, arity, flags (`r`eadonly, `w`rite, `b`locking, `p`ubsub, `a`dmin, `m`ovable keys; `-` for
 * none), and for those with keys at fixed places the first, the last and the step between them.
 */
export const KNOWN_COMMANDS = `
VADD -1 w 1 1 1
VCARD -1 r 1 1 1
VDIM -1 r 1 1 1
VEMB -1 r 1 1 1
VGETATTR -1 r 1 1 1
VINFO -1 r 1 1 1
VISMEMBER -1 r 1 1 1
VLINKS -1 r 1 1 1
VRANDMEMBER -1 r 1 1 1
VREM -1 w 1 1 1
VSETATTR -1 w 1 1 1
VSIM -1 r 1 1 1
acl -2 -
acl|cat -2 -
acl|deluser -3 a
acl|dryrun -4 a
acl|genpass -2 -
acl|getuser 3 a
acl|help 2 -
acl|list 2 a
acl|load 2 a
acl|log -2 a
acl|save 2 a
acl|setuser -3 a
acl|users 2 a
acl|whoami 2 -
append 3 w 1 1 1
asking 1 -
auth -2 -
bgrewriteaof 1 a
bgsave -1 a
bitcount -2 r 1 1 1
bitfield -2 w 1 1 1
bitfield_ro -2 r 1 1 1
bitop -4 w 2 -1 1
bitpos -3 r 1 1 1
blmove 6 wb 1 2 1
blmpop -5 wbm
blpop -3 wb 1 -2 1
brpop -3 wb 1 -2 1
brpoplpush 4 wb 1 2 1
bzmpop -5 wbm
bzpopmax -3 wb 1 -2 1
bzpopmin -3 wb 1 -2 1
client -2 -
client|caching 3 -
client|capa -3 -
client|getname 2 -
client|getredir 2 -
client|help 2 -
client|id 2 -
client|import-source 3 -
client|info 2 -
client|kill -3 a
client|list -2 a
client|no-evict 3 a
client|no-touch 3 -
client|pause -3 a
client|reply 3 -
client|setinfo 4 -
client|setname 3 -
client|tracking -3 -
client|trackinginfo 2 -
client|unblock -3 a
client|unpause 2 a
cluster -2 -
cluster|addslots -3 a
cluster|addslotsrange -4 a
cluster|bumpepoch 2 a
cluster|count-failure-reports 3 a
cluster|countkeysinslot 3 -
cluster|delslots -3 a
cluster|delslotsrange -4 a
cluster|failover -2 a
cluster|flushslots 2 a
cluster|forget 3 a
cluster|getkeysinslot 4 -
cluster|help 2 -
cluster|info 2 -
cluster|keyslot 3 -
cluster|links 2 -
cluster|meet -4 a
cluster|myid 2 -
cluster|myshardid 2 -
cluster|nodes 2 -
cluster|replicas 3 a
cluster|replicate 3 a
cluster|reset -2 a
cluster|saveconfig 2 a
cluster|set-config-epoch 3 a
cluster|setslot -4 a
cluster|shards 2 -
cluster|slaves 3 a
cluster|slot-stats -4 -
cluster|slots 2 -
command -1 -
commandlog -2 -
commandlog|get 4 a
commandlog|help 2 -
commandlog|len 3 a
commandlog|reset 3 a
command|count 2 -
command|docs -2 -
command|getkeys -3 -
command|getkeysandflags -3 -
command|help 2 -
command|info -2 -
command|list -2 -
config -2 -
config|get -3 a
config|help 2 -
config|resetstat 2 a
config|rewrite 2 a
config|set -4 a
copy -3 w 1 2 1
dbsize 1 r
debug -2 a
decr 2 w 1 1 1
decrby 3 w 1 1 1
del -2 w 1 -1 1
discard 1 -
dump 2 r 1 1 1
echo 2 -
eval -3 m
eval_ro -3 rm
evalsha -3 m
evalsha_ro -3 rm
exec 1 -
exists -2 r 1 -1 1
expire -3 w 1 1 1
expireat -3 w 1 1 1
expiretime 2 r 1 1 1
failover -1 a
fcall -3 m
fcall_ro -3 rm
flushall -1 w
flushdb -1 w
function -2 -
function|delete 3 w
function|dump 2 -
function|flush -2 w
function|help 2 -
function|kill 2 -
function|list -2 -
function|load -3 w
function|restore -3 w
function|stats 2 -
geoadd -5 w 1 1 1
geodist -4 r 1 1 1
geohash -2 r 1 1 1
geopos -2 r 1 1 1
georadius -6 wm 1 1 1
georadius_ro -6 r 1 1 1
georadiusbymember -5 wm 1 1 1
georadiusbymember_ro -5 r 1 1 1
geosearch -7 r 1 1 1
geosearchstore -8 w 1 2 1
get 2 r 1 1 1
getbit 3 r 1 1 1
getdel 2 w 1 1 1
getex -2 w 1 1 1
getrange 4 r 1 1 1
getset 3 w 1 1 1
hdel -3 w 1 1 1
hello -1 -
hexists 3 r 1 1 1
hexpire -6 w 1 1 1
hexpireat -6 w 1 1 1
hexpiretime -5 r 1 1 1
hget 3 r 1 1 1
hgetall 2 r 1 1 1
hgetdel -5 w 1 1 1
hgetex -5 w 1 1 1
hincrby 4 w 1 1 1
hincrbyfloat 4 w 1 1 1
hkeys 2 r 1 1 1
hlen 2 r 1 1 1
hmget -3 r 1 1 1
hmset -4 w 1 1 1
hpersist -5 w 1 1 1
hpexpire -6 w 1 1 1
hpexpireat -6 w 1 1 1
hpexpiretime -5 r 1 1 1
hpttl -5 r 1 1 1
hrandfield -2 r 1 1 1
hscan -3 r 1 1 1
hset -4 w 1 1 1
hsetex -6 w 1 1 1
hsetnx 4 w 1 1 1
hstrlen 3 r 1 1 1
httl -5 r 1 1 1
hvals 2 r 1 1 1
incr 2 w 1 1 1
incrby 3 w 1 1 1
incrbyfloat 3 w 1 1 1
info -1 -
keys 2 r
lastsave 1 -
latency -2 -
latency|doctor 2 a
latency|graph 3 a
latency|help 2 -
latency|histogram -2 a
latency|history 3 a
latency|latest 2 a
latency|reset -2 a
lcs -3 r 1 2 1
lindex 3 r 1 1 1
linsert 5 w 1 1 1
llen 2 r 1 1 1
lmove 5 w 1 2 1
lmpop -4 wm
lolwut -1 r
lpop -2 w 1 1 1
lpos -3 r 1 1 1
lpush -3 w 1 1 1
lpushx -3 w 1 1 1
lrange 4 r 1 1 1
lrem 4 w 1 1 1
lset 4 w 1 1 1
ltrim 4 w 1 1 1
memory -2 -
memory|doctor 2 -
memory|help 2 -
memory|malloc-stats 2 -
memory|purge 2 -
memory|stats 2 -
memory|usage -3 r 2 2 1
mget -2 r 1 -1 1
migrate -6 wm 3 3 1
module -2 -
module|help 2 -
module|list 2 a
module|load -3 a
module|loadex -3 a
module|unload 3 a
monitor 1 a
move 3 w 1 1 1
mset -3 w 1 -1 2
msetnx -3 w 1 -1 2
multi 1 -
object -2 -
object|encoding 3 r 2 2 1
object|freq 3 r 2 2 1
object|help 2 -
object|idletime 3 r 2 2 1
object|refcount 3 r 2 2 1
persist 2 w 1 1 1
pexpire -3 w 1 1 1
pexpireat -3 w 1 1 1
pexpiretime 2 r 1 1 1
pfadd -2 w 1 1 1
pfcount -2 r 1 -1 1
pfdebug 3 wa 2 2 1
pfmerge -2 w 1 -1 1
pfselftest 1 a
ping -1 -
psetex 4 w 1 1 1
psubscribe -2 p
psync -3 a
pttl 2 r 1 1 1
publish 3 p
pubsub -2 -
pubsub|channels -2 p
pubsub|help 2 -
pubsub|numpat 2 p
pubsub|numsub -2 p
pubsub|shardchannels -2 p
pubsub|shardnumsub -2 p
punsubscribe -1 p
quit -1 -
randomkey 1 r
readonly 1 -
readwrite 1 -
rename 3 w 1 2 1
renamenx 3 w 1 2 1
replconf -1 a
replicaof 3 a
reset 1 -
restore -4 w 1 1 1
restore-asking -4 w 1 1 1
role 1 -
rpop -2 w 1 1 1
rpoplpush 3 w 1 2 1
rpush -3 w 1 1 1
rpushx -3 w 1 1 1
sadd -3 w 1 1 1
save 1 a
scan -2 r
scard 2 r 1 1 1
script -2 -
script|debug 3 -
script|exists -3 -
script|flush -2 -
script|help 2 -
script|kill 2 -
script|load 3 -
script|show 3 -
sdiff -2 r 1 -1 1
sdiffstore -3 w 1 -1 1
select 2 -
set -3 w 1 1 1
setbit 4 w 1 1 1
setex 4 w 1 1 1
setnx 3 w 1 1 1
setrange 4 w 1 1 1
shutdown -1 a
sinter -2 r 1 -1 1
sintercard -3 rm
sinterstore -3 w 1 -1 1
sismember 3 r 1 1 1
slaveof 3 a
slowlog -2 -
slowlog|get -2 a
slowlog|help 2 -
slowlog|len 2 a
slowlog|reset 2 a
smembers 2 r 1 1 1
smismember -3 r 1 1 1
smove 4 w 1 2 1
sort -2 wm 1 1 1
sort_ro -2 rm 1 1 1
spop -2 w 1 1 1
spublish 3 p 1 1 1
srandmember -2 r 1 1 1
srem -3 w 1 1 1
sscan -3 r 1 1 1
ssubscribe -2 p 1 -1 1
strlen 2 r 1 1 1
subscribe -2 p
substr 4 r 1 1 1
sunion -2 r 1 -1 1
sunionstore -3 w 1 -1 1
sunsubscribe -1 p 1 -1 1
swapdb 3 w
sync 1 a
time 1 -
touch -2 r 1 -1 1
ttl 2 r 1 1 1
type 2 r 1 1 1
unlink -2 w 1 -1 1
unsubscribe -1 p
unwatch 1 -
wait 3 b
waitaof 4 b
watch -2 - 1 -1 1
xack -4 w 1 1 1
xadd -5 w 1 1 1
xautoclaim -6 w 1 1 1
xclaim -6 w 1 1 1
xdel -3 w 1 1 1
xgroup -2 -
xgroup|create -5 w 2 2 1
xgroup|createconsumer 5 w 2 2 1
xgroup|delconsumer 5 w 2 2 1
xgroup|destroy 4 w 2 2 1
xgroup|help 2 -
xgroup|setid -5 w 2 2 1
xinfo -2 -
xinfo|consumers 4 r 2 2 1
xinfo|groups 3 r 2 2 1
xinfo|help 2 -
xinfo|stream -3 r 2 2 1
xlen 2 r 1 1 1
xpending -3 r 1 1 1
xrange -4 r 1 1 1
xread -4 rbm
xreadgroup -7 wbm
xrevrange -4 r 1 1 1
xsetid -3 w 1 1 1
xtrim -4 w 1 1 1
zadd -4 w 1 1 1
zcard 2 r 1 1 1
zcount 4 r 1 1 1
zdiff -3 rm
zdiffstore -4 wm 1 1 1
zincrby 4 w 1 1 1
zinter -3 rm
zintercard -3 rm
zinterstore -4 wm 1 1 1
zlexcount 4 r 1 1 1
zmpop -4 wm
zmscore -3 r 1 1 1
zpopmax -2 w 1 1 1
zpopmin -2 w 1 1 1
zrandmember -2 r 1 1 1
zrange -4 r 1 1 1
zrangebylex -4 r 1 1 1
zrangebyscore -4 r 1 1 1
zrangestore -5 w 1 2 1
zrank -3 r 1 1 1
zrem -3 w 1 1 1
zremrangebylex 4 w 1 1 1
zremrangebyrank 4 w 1 1 1
zremrangebyscore 4 w 1 1 1
zrevrange -4 r 1 1 1
zrevrangebylex -4 r 1 1 1
zrevrangebyscore -4 r 1 1 1
zrevrank -3 r 1 1 1
zscan -3 r 1 1 1
zscore 3 r 1 1 1
zunion -3 rm
zunionstore -4 wm 1 1 1
`;
