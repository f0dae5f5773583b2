"""What a program with redis-py does, printed: python3 redis_py_session.py URL [CA_FILE]"""

import sys
import threading

import redis

url, *ca = sys.argv[1:]
options = {"ssl_ca_certs": ca[0]} if ca else {}


def show(what, value):
    print(what, repr(value))


def connect(**more):
    return redis.Redis.from_url(url, **options, **more)


client = connect()
show("ping", client.ping())
show("set", client.set("py", b"\x00\xff\r\n$3\r\n"))
show("get", client.get("py"))
show("ttl", client.set("py:ttl", 1, ex=1000) and client.ttl("py:ttl") > 990)
show("hash", (client.hset("py:hash", mapping={"a": 1, "b": "x" * 70000}), len(client.hget("py:hash", "b"))))
show("zset", (client.zadd("py:zset", {"a": 1.5, "b": 2}), client.zrange("py:zset", 0, -1, withscores=True)))
show("stream", (client.xadd("py:stream", {"f": "v"}, id="1-1"), client.xread({"py:stream": 0})))

with client.pipeline(transaction=True) as pipe:
    for number in range(200):
        pipe.incr("py:counter")
    show("transaction", pipe.execute()[-1])
with client.pipeline(transaction=False) as pipe:
    for number in range(1000):
        pipe.echo(str(number))
    show("pipeline", b"".join(pipe.execute())[-12:])


def bump(pipe):
    value = int(pipe.get("py:counter"))
    pipe.multi()
    pipe.set("py:counter", value + 1)


show("optimistic", (client.transaction(bump, "py:counter"), client.get("py:counter")))
show("script", client.register_script("return {KEYS[1], ARGV[1], 3}")(keys=["k"], args=["v"]))

try:
    client.lpush("py", 1)
except redis.ResponseError as error:
    show("error", str(error))
try:
    client.execute_command("NOSUCH", "x")
except redis.ResponseError as error:
    show("unknown", str(error))

subscriber = connect().pubsub()
subscriber.subscribe("py:channel")
subscriber.psubscribe("py:*")
messages = []
while len(messages) < 6:
    message = subscriber.get_message(timeout=10)
    if message is None:
        break
    messages.append((message["type"], message["channel"], message["data"]))
    if len(messages) == 2:
        for text in ("one", "two"):
            client.publish("py:channel", text)
show("messages", messages)
subscriber.unsubscribe()
subscriber.punsubscribe()
subscriber.close()

threading.Timer(0.1, lambda: connect().rpush("py:queue", "pushed")).start()
show("blpop", client.blpop("py:queue", timeout=20))
show("nothing", client.blpop("py:queue", timeout=1))
with client.lock("py:lock", timeout=10):
    show("locked", client.exists("py:lock"))
show("released", client.exists("py:lock"))
with connect(db=3, client_name="named") as other:
    show("database", (other.set("in3", 1), other.client_getname(), other.dbsize()))
show("elsewhere", client.get("in3"))
show("scan", sorted(client.scan_iter(match="py:z*")))
