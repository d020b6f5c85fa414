"""Run the LiteLLM proxy with the arguments given, for as long as standard input stays open.

A thread kills the process group that this process leads as soon as standard input is closed: a
harness that dies, however it dies, takes the proxy with it.
"""

import os
import signal
import sys
import threading


def end_with_standard_input():
    """Kill the process group when the other end of standard input is gone."""

    def watch():
        # The descriptor, not sys.stdin: an interpreter that shuts down must not wait for its lock.
        while os.read(0, 4096):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def require_loopback(arguments):
    for name, value in zip(arguments, arguments[1:]):
        if name == "--host" and (value == "::1" or value.startswith("127.")):
            return
    sys.exit("--host: only loopback addresses are served")


def main():
    require_loopback(sys.argv[1:])
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    # Ctrl-C is for the harness, which decides when this server ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_standard_input()

    from litellm import run_server

    sys.argv = ["litellm", *sys.argv[1:]]
    return run_server()


if __name__ == "__main__":
    sys.exit(main())
