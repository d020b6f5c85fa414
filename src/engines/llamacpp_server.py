"""Serve one GGUF model with the llama.cpp server that the xllamacpp package carries.

Binds 127.0.0.1 only, prints one line of JSON with the listening address once the model is loaded,
and ends as soon as its standard input is closed: a harness that dies, however it dies, takes the
server with it. Works with every xllamacpp from 0.2.10 on; what a build does not know is not set.
"""

import argparse
import json
import os
import signal
import sys
import threading


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="GGUF file")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--slots", type=int, default=1, help="requests served side by side")
    parser.add_argument("--context", type=int, default=4096, help="tokens of context for each slot")
    parser.add_argument("--chat-template", help="Jinja file to use instead of the model's own")
    options = parser.parse_args()
    if options.host != "::1" and not options.host.startswith("127."):
        parser.error(f"--host {options.host}: only loopback addresses are served")
    return options


def end_with_standard_input():
    """End the process when the other end of standard input is gone.

    os._exit, since the server's own threads would keep an orderly exit waiting.
    """

    def watch():
        # The descriptor, not sys.stdin: an interpreter that shuts down must not wait for its lock.
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def parameters(xllamacpp, options):
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.port = options.port
    params.n_parallel = options.slots
    params.n_ctx = options.context * options.slots
    # One thread: sums are added in one order, so greedy output does not depend on the machine.
    params.cpuparams.n_threads = 1
    params.n_gpu_layers = 0
    settings = {
        # A list since 2026, one name before.
        "hostnames": [options.host],
        "hostname": options.host,
        "use_jinja": True,
        "endpoint_props": True,
        "endpoint_slots": True,
        "endpoint_metrics": True,
        # Each slot has its own part of the context, whatever the others hold.
        "kv_unified": False,
        # No second prompt cache in memory (8 GiB by default, filled by thousands of requests).
        "cache_ram_mib": 0,
        # Take the context as given instead of fitting it to the machine.
        "fit_params": False,
        "offline": True,
    }
    if options.chat_template:
        # newline="": the template must reach the engine byte for byte.
        with open(options.chat_template, encoding="utf-8", newline="") as file:
            settings["chat_template"] = file.read()
    for name, value in settings.items():
        if hasattr(params, name):
            setattr(params, name, value)
    return params


def main():
    options = parse_arguments()
    # Ctrl-C reaches the whole foreground group; the harness decides when this server ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_standard_input()

    try:
        import xllamacpp

        server = xllamacpp.Server(parameters(xllamacpp, options))
    except Exception as error:
        # One line, not a traceback: what the engine wrote just before tells more.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"listening": server.listening_address}), flush=True)
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
