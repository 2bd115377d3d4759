#!/usr/bin/env python3
"""Runs the commands of docs/cli.md in their order, as a reader would, and compares what they print
with what the manual shows: the same fields, columns and words, whatever the figures.

usage: manual_test.py MANUAL FOLDER_OF_PROGRAMS [--update]

They run in a scratch folder with a copy of the folder deploy/, which the manual's commands name.

--update writes what was printed into the manual instead; where the manual leaves something out
("..."), it is left as it is.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import redis_server

MARK = "@@ end of command"
TIMEOUT_SECONDS = 60


def examples(text):
    """Each (command, lines of output, number of the line behind the command) of the manual."""
    lines = text.split("\n")
    found, inside = [], False
    for number, line in enumerate(lines):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            found.append((line[2:], [], number + 1))
        elif inside and found:
            found[-1][1].append(line)
    return found


def run_all(commands, folder, deploy):
    """One shell for all, so that a program in the background stays. Each command's output."""
    ports = {"6380": str(redis_server.free_port()), "9100": str(redis_server.free_port())}
    script = ["exec 2>&1"]
    for command in commands:
        for documented, free in ports.items():
            command = command.replace(documented, free)
        if command.endswith("&"):
            command = command[:-1] + f">/dev/null 2>&1 & {wait_for(ports['6380'])}"
        script += [command, f"echo '{MARK}'"]
    with tempfile.TemporaryDirectory(prefix="nokv-manual-") as scratch:
        shutil.copytree(deploy, os.path.join(scratch, "deploy"))
        shell = subprocess.run(
            ["bash", "-c", "\n".join(script)], cwd=scratch, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=TIMEOUT_SECONDS, check=False,
            env={**os.environ, "PATH": folder + ":" + os.environ["PATH"]})
    output = shell.stdout
    for documented, free in ports.items():
        output = output.replace(free, documented)
    # What does not end its last line (a value) has the mark behind it.
    return [part.strip("\n").split("\n") for part in output.split(MARK)[:-1]]


def wait_for(port):
    return f"for i in $(seq 500); do redis-cli -p {port} PING >/dev/null 2>&1 && break; sleep 0.02; done"


def shape(line):
    """The line without its figures: 12 tables of 3.5 KiB become # table of #."""
    line = re.sub(r"^( +\d.*?) +\S*\\x.*", r"\1 KEYS", line)  # The bounds of a table.
    line = re.sub(r"\d{6}\.(log|val)", "FILE", line)
    line = re.sub(r"(sealed, flushed|sealed, to replay|active)$", "STATE", line)
    line = re.sub(r"[\d.,]*\d(e-?\d+)?( [KMGT]?i?B\b)?", "#", line)
    line = re.sub(r"  +\(#\)$", "", line)
    line = re.sub(r"\b(table|segment|record|key)s\b", r"\1", line).replace("entries", "entry")
    return " ".join("#" if word in ("-", "#%") else word for word in line.split())


def shapes(lines):
    if any(line.startswith("{") for line in lines):
        return set(re.findall(r'"(\w+)":', "\n".join(lines)))
    return {shape(line) for line in lines if line.strip()}


def differences(command, documented, printed):
    left_out = "..." in (line.strip() for line in documented)
    documented = [line for line in documented if line.strip() != "..."]
    missing = shapes(documented) - shapes(printed)
    added = set() if left_out and not documented[0].startswith("{") else (
        shapes(printed) - shapes(documented))
    return [f"$ {command}\n  the manual shows, the program does not: {text}" for text in missing] + [
        f"$ {command}\n  the program shows, the manual does not: {text}" for text in added]


def update(text, found, printed):
    lines = text.split("\n")
    for (_, documented, at), output in reversed(list(zip(found, printed))):
        if any(line.strip() == "..." for line in documented):
            continue
        lines[at:at + len(documented)] = output if output != [""] else []
    return "\n".join(lines)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if shutil.which("redis-cli") is None:
        redis_server.skip("no redis-cli here")
    manual, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    with open(manual, encoding="utf-8") as file:
        text = file.read()
    found = examples(text)
    deploy = os.path.join(os.path.dirname(os.path.abspath(manual)), "..", "deploy")
    printed = run_all([command for command, _, _ in found], folder, deploy)
    if len(printed) != len(found):
        sys.exit(f"{len(found)} commands, {len(printed)} outputs; the last: {printed[-1:]}")
    if "--update" in sys.argv:
        with open(manual, "w", encoding="utf-8") as file:
            file.write(update(text, found, printed))
        return
    wrong = [difference for (command, documented, _), output in zip(found, printed)
             for difference in differences(command, documented, output)]
    print(f"{len(found)} commands of {os.path.basename(manual)}, {len(wrong)} differences")
    if wrong:
        sys.exit("\n".join(wrong) + f"\nto write what is printed: {' '.join(sys.argv)} --update")


if __name__ == "__main__":
    main()
