"""Run a server that is a Python package for as long as standard input stays open.

The first argument names it, `vllm` or `litellm`; the others are its own. It may be several
processes. They share the process group that this one leads, and a thread here kills the whole
group as soon as standard input is closed: a harness that dies, however it dies, takes the server
with it.
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


def serve_vllm(arguments):
    from vllm.entrypoints.cli.main import main

    sys.argv = ["vllm", "serve", *arguments, *renders()]
    return main()


def renders():
    """The option that makes vLLM show the prompts of every API, where this version has one."""
    try:
        from vllm.entrypoints.launchers.cli_args import FrontendArgs
    except ImportError:
        return []
    return ["--enable-scale-out"] if hasattr(FrontendArgs, "enable_scale_out") else []


def serve_litellm(arguments):
    from litellm import run_server

    sys.argv = ["litellm", *arguments]
    return run_server()


SERVERS = {"vllm": serve_vllm, "litellm": serve_litellm}


def main():
    name, *arguments = sys.argv[1:] or [""]
    if name not in SERVERS:
        sys.exit(f"usage: python_server.py {{{','.join(SERVERS)}}} ARGUMENT...")
    require_loopback(arguments)
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    # Ctrl-C is for the harness, which decides when this server ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_standard_input()
    return SERVERS[name](arguments)


# The child processes of vLLM import this file too.
if __name__ == "__main__":
    sys.exit(main())
