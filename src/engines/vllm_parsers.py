"""A reasoning parser for `[THINK]…[/THINK]`, loaded by `--reasoning-parser-plugin`.

vLLM's own parser for this markup wants Mistral's tokenizer, with the tokens of its tool calls. All
that is done here is naming the two tokens: the reading is that of vLLM's parsers of this kind.
"""

from vllm.reasoning import ReasoningParserManager
from vllm.reasoning.deepseek_r1_reasoning_parser import BaseThinkingReasoningParser


@ReasoningParserManager.register_module("seamstress_think_tokens")
class ThinkTokensReasoningParser(BaseThinkingReasoningParser):
    @property
    def start_token(self):
        return "[THINK]"

    @property
    def end_token(self):
        return "[/THINK]"

    def adjust_request(self, request):
        # Both are special tokens, which are not printed otherwise.
        request.skip_special_tokens = False
        return request
