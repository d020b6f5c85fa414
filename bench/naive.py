"""The naive hammer, as one would write it in an hour: for every cut one chat request that is cut by
max_tokens, one render of the resume, one tokenization, one comparison. Prints what it cost and the
cuts at which the prompt is not what the model wrote, as JSON."""

import argparse
import http.client
import json
import time
import urllib.parse

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--url", required=True)
arguments.add_argument("--engine", choices=["llama.cpp", "vllm"], required=True)
arguments.add_argument("--model", default="thinker")
arguments.add_argument("pack", help="scenarios as JSON")
options = arguments.parse_args()

address = urllib.parse.urlsplit(options.url)
connection = http.client.HTTPConnection(address.hostname, address.port)
cost = {"requests": 0, "generatedTokens": 0}


def ask(path, body):
    cost["requests"] += 1
    for last in (False, True):
        try:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text)
        except http.client.RemoteDisconnected:
            connection.close()
            if last:
                raise


def template_fields(scenario):
    fields = {"messages": scenario["messages"]}
    if scenario.get("thinking") is not None:
        fields["chat_template_kwargs"] = {"enable_thinking": scenario["thinking"]}
    return fields


def prompt_ids(fields):
    if options.engine == "vllm":
        status, told = ask("/tokenize", {"model": options.model, **fields})
        return told["tokens"] if status == 200 else None
    status, told = ask("/apply-template", fields)
    if status != 200:
        return None
    content = {"content": told["prompt"], "add_special": False, "parse_special": True}
    return ask("/tokenize", content)[1]["tokens"]


def whole(prompt, limit):
    """All ids of the uninterrupted answer."""
    if options.engine == "vllm":
        body = {"model": options.model, "prompt": prompt, "max_tokens": limit, "temperature": 0, "return_token_ids": True}
        ids = ask("/v1/completions", body)[1]["choices"][0]["token_ids"]
    else:
        body = {"prompt": prompt, "n_predict": limit, "temperature": 0, "return_tokens": True, "cache_prompt": False}
        ids = ask("/completion", body)[1]["tokens"]
    cost["generatedTokens"] += len(ids)
    return ids


def view_at(fields, k):
    body = {**fields, "model": options.model, "max_tokens": k, "temperature": 0}
    if options.engine == "llama.cpp":
        body["cache_prompt"] = False
    message = ask("/v1/chat/completions", body)[1]["choices"][0]["message"]
    cost["generatedTokens"] += k
    reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
    return reasoning, message.get("content") or ""


def resumed(fields, reasoning, content):
    message = {"role": "assistant", "content": content}
    if reasoning:
        message["reasoning" if options.engine == "vllm" else "reasoning_content"] = reasoning
    more = {**fields, "messages": [*fields["messages"], message]}
    if options.engine == "vllm":
        more |= {"continue_final_message": True, "add_generation_prompt": False}
    return prompt_ids(more)


started = time.monotonic()
wrong = {}
cuts = 0
for scenario in json.load(open(options.pack)):
    fields = template_fields(scenario)
    prompt = prompt_ids(fields)
    ids = whole(prompt, scenario.get("maxTokens", 512))
    end = len(ids) - 1
    wrong[scenario["id"]] = []
    for k in range(1, end + 1):
        cuts += 1
        if resumed(fields, *view_at(fields, k)) != prompt + ids[:k]:
            wrong[scenario["id"]].append(k)
print(json.dumps({"seconds": time.monotonic() - started, "cuts": cuts, "wrong": wrong, **cost}))
