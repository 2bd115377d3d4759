"""Uses a NoKV gateway as a Redis client does, then measures it beside redis-server.

usage: redis_side_by_side.py PORT REDIS_PORT

The gateway must answer on PORT. A redis-server with an append-only file, synced every second, is
started on REDIS_PORT in a folder of its own and ended again: like the gateway at its default level,
it promises that an acknowledged write survives the process, and not that it survives a power cut.
Rounds alternate between the two, and the median of each counts.
"""

import csv
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time

import redis

ROUNDS = 3
REQUESTS = {1: 100_000, 16: 400_000}  # By pipelining depth.
CLIENTS = 50


def check_client(port):
    """What any client library does: connect, pipeline, expire, scan."""
    client = redis.Redis(port=port, decode_responses=True)
    assert client.ping()
    assert client.set("python", "value")
    assert client.get("python") == "value"
    assert client.get("python:absent") is None
    with client.pipeline(transaction=False) as pipeline:
        for number in range(100):
            pipeline.set(f"python:{number}", number)
        assert pipeline.execute() == [True] * 100
    keys = [f"python:{number}" for number in range(100)]
    assert client.mget(keys) == [str(number) for number in range(100)]
    assert client.set("python:short", "value", px=60_000)
    assert 0 < client.pttl("python:short") <= 60_000
    assert client.delete(*keys) == 100
    assert client.exists(*keys) == 0
    print("python3-redis: set, get, pipeline, mget, expiry, delete: as expected")


def benchmark(port, depth):
    """Requests per second by test."""
    command = ["redis-benchmark", "-p", str(port), "-t", "set,get,incr,mset", "-P", str(depth)]
    command += ["-n", str(REQUESTS[depth]), "-c", str(CLIENTS), "-r", "100000", "--csv"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {row["test"]: float(row["rps"]) for row in csv.DictReader(io.StringIO(output))}


def start_redis(port, folder):
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        + ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    for _ in range(100):
        try:
            redis.Redis(port=port).ping()
            return server
        except redis.ConnectionError:
            time.sleep(0.1)
    server.kill()
    sys.exit("redis-server does not answer")


def compare(port, redis_port):
    print(f"redis-benchmark -c {CLIENTS} -r 100000 on {os.cpu_count()} cores, median of {ROUNDS}")
    print(f"{'test':<20} {'-P':>3} {'nokv/s':>10} {'redis/s':>10} {'ratio':>6}")
    for depth in REQUESTS:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            theirs.append(benchmark(redis_port, depth))
            ours.append(benchmark(port, depth))
        for test in ours[0]:
            our = statistics.median(figures[test] for figures in ours)
            their = statistics.median(figures[test] for figures in theirs)
            print(f"{test:<20} {depth:>3} {our:>10.0f} {their:>10.0f} {our / their:>6.2f}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    port, redis_port = int(sys.argv[1]), int(sys.argv[2])
    check_client(port)
    with tempfile.TemporaryDirectory() as folder:
        server = start_redis(redis_port, folder)
        try:
            compare(port, redis_port)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
