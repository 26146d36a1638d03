#!/usr/bin/env python3
"""Writes chat_templates.json: templates of model families and what Jinja renders from them.

    python3 -m venv venv && venv/bin/pip install jinja2==3.1.6 && venv/bin/python tests/golden/make_chat_golden.py

The settings of the Jinja environment are those with which Hugging Face's library renders chat templates.
"""
import datetime
import json
import os

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = os.path.dirname(os.path.abspath(__file__))
ALTERNATE = ("{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
             "{{ raise_exception('roles must alternate') }}{% endif %}")

TEMPLATES = {
    # SmolLM2's, as in its GGUF file: with line ends, not \\n, in its strings.
    "chatml_default_system": ("chatml", "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' "
        "%}{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
        "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}", "<|im_start|>", "<|im_end|>"),
    "chatml_plain": ("chatml", "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
        "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}"
        "{{ '<|im_start|>assistant\\n' }}{% endif %}", "<s>", "<|im_end|>"),
    "llama2": ("llama2", "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set "
        "system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = "
        "false %}{% endif %}{% for message in loop_messages %}" + ALTERNATE + "{% if loop.index0 == 0 and system_message "
        "!= false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else "
        "%}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + "
        "content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + "
        "eos_token }}{% endif %}{% endfor %}", "<s>", "</s>"),
    "llama3": ("llama3", "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "
        "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}"
        "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
        "<|begin_of_text|>", "<|eot_id|>"),
    "gemma": ("gemma", "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}"
        "{% endif %}{% for message in messages %}" + ALTERNATE + "{% if (message['role'] == 'assistant') %}{% set role = "
        "'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' + "
        "message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}"
        "{{'<start_of_turn>model\\n'}}{% endif %}", "<bos>", "<eos>"),
    "gemma3": ("gemma", "{{ bos_token }}\n{%- if messages[0]['role'] == 'system' -%}\n    {%- set first_user_prefix = "
        "messages[0]['content'] + '\\n\\n' -%}\n    {%- set loop_messages = messages[1:] -%}\n{%- else -%}\n    {%- set "
        "first_user_prefix = \"\" -%}\n    {%- set loop_messages = messages -%}\n{%- endif -%}\n{%- for message in "
        "loop_messages -%}\n    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}\n        "
        "{{ raise_exception('roles must alternate') }}\n    {%- endif -%}\n    {%- if (message['role'] == 'assistant') "
        "-%}\n        {%- set role = \"model\" -%}\n    {%- else -%}\n        {%- set role = message['role'] -%}\n    "
        "{%- endif -%}\n    {{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else \"\") }}\n    "
        "{{- message['content'] | trim -}}\n    {{ '<end_of_turn>\\n' }}\n{%- endfor -%}\n{%- if add_generation_prompt "
        "-%}\n    {{'<start_of_turn>model\\n'}}\n{%- endif -%}\n", "<bos>", "<eos>"),
    "zephyr": ("zephyr", "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\\n' + "
        "message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\\n' + "
        "message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\\n'  + "
        "message['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n"
        "{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}", "<s>", "</s>"),
    "alpaca": ("alpaca", "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'].strip() + "
        "'\\n\\n' }}{% set loop_messages = messages[1:] %}{% else %}{% set loop_messages = messages %}{% endif %}"
        "{% for message in loop_messages %}" + ALTERNATE + "{% if message['role'] == 'user' %}{{ '### Instruction:\\n' + "
        "message['content'].strip() + '\\n\\n' }}{% else %}{{ '### Response:\\n' + message['content'].strip() + eos_token "
        "+ '\\n\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}",
        "<s>", "</s>"),
}

CHATML_TURNS = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}{% endfor %}")
CHATML_END = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
LLAMA3_END = "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"

# Written for this test: what models change within their family.
TEMPLATES.update({
    "chatml_bos": ("chatml", "{{- bos_token }}\n" + CHATML_TURNS + CHATML_END, "<s>", "<|im_end|>"),
    "chatml_trim": ("chatml", CHATML_TURNS.replace("message['content']", "message.content|trim") + CHATML_END, "", "<|im_end|>"),
    "chatml_literal_system": ("chatml", "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nIt's \"I\".<|im_end|>\n"
        "{% endif %}" + CHATML_TURNS + CHATML_END, "", "<|im_end|>"),
    "chatml_tools": ("chatml", "{%- macro show(tool, depth=1) %}{{ tool | tojson }}{%- endmacro %}{%- if tools %}\n    "
        "{{- '<|im_start|>system\\n# Tools' }}{% for tool in tools %}{{ show(tool) }}{% endfor %}{{ '<|im_end|>\\n' }}\n"
        "{%- endif %}\n{%- for message in messages %}\n    {%- if (message.role == \"user\") or (message.role == \"system\" "
        "and not loop.first) or (message.role == \"system\") or (message.role == \"assistant\" and not message.tool_calls) "
        "%}\n        {{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>' ~ '\\n' }}\n    "
        "{%- elif message.role == \"tool\" %}{{ raise_exception('tool') }}{%- endif %}\n{%- endfor %}\n" + CHATML_END,
        "", "<|im_end|>"),
    "chatml_training": ("chatml", "{% for m in messages %}<|im_start|>{{ m.role }}\n{% generation %}{{ m.content }}<|im_end|>"
        "{% endgeneration %}{{ '\\n' }}{% endfor %}" + CHATML_END, "", "<|im_end|>"),
    "llama3_plain": ("llama3", "{{ '<|begin_of_text|>' }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + "
        "'<|end_header_id|>\\n\\n' + m['content'] + '<|eot_id|>' }}{% endfor %}" + LLAMA3_END, "<|begin_of_text|>", "<|eot_id|>"),
    "llama3_date": ("llama3", "{{- bos_token }}\n{%- if not date_string is defined %}\n    {%- if strftime_now is defined %}"
        "{%- set date_string = strftime_now(\"%d %b %Y\") %}{%- else %}{%- set date_string = \"01 Jan 2024\" %}{%- endif %}\n"
        "{%- endif %}\n{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content']|trim %}"
        "\n    {%- set messages = messages[1:] %}\n{%- else %}\n    {%- set system_message = \"\" %}\n{%- endif %}\n"
        "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}\n{{- \"Today: \" + date_string + \"\\n\\n\" }}\n"
        "{{- system_message }}\n{{- \"<|eot_id|>\" }}\n{%- for message in messages %}\n    {{- '<|start_header_id|>' + "
        "message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}\n{%- endfor %}\n" +
        LLAMA3_END, "<|begin_of_text|>", "<|eot_id|>"),
    "llama2_default": ("llama2", "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set rest = "
        "messages[1:] %}{% else %}{% set system = 'Be kind.' %}{% set rest = messages %}{% endif %}{% for message in rest %}" +
        ALTERNATE + "{% if message.role == 'user' %}{% if loop.first %}{% set text = '<<SYS>>\\n' ~ system ~ '\\n<</SYS>>"
        "\\n\\n' ~ message.content %}{% else %}{% set text = message.content %}{% endif %}{{ bos_token ~ '[INST] ' ~ "
        "text.strip() ~ ' [/INST]' }}{% else %}{{ ' ' ~ message.content.strip() ~ ' ' ~ eos_token }}{% endif %}{% endfor %}",
        "<s>", "</s>"),
})

# Look like a family and are not: recognised, each would be rendered wrongly.
REFUSED = {
    "unknown_kind": "{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}",
    "always_generates": CHATML_TURNS + "<|im_start|>assistant\n",
    "thinks": CHATML_TURNS + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}",
    "thinks_unless_told": CHATML_TURNS + CHATML_END[:-11] + "{% if enable_thinking is not defined or enable_thinking %}"
        "{{ '<think>\\n' }}{% endif %}{% endif %}",
    "cuts_thoughts": CHATML_TURNS.replace("message['content']", "message['content'].split('</think>')[-1]") + CHATML_END,
    "no_newline": CHATML_TURNS.replace("'<|im_end|>' + '\\n'", "'<|im_end|>'") + CHATML_END,
    "other_names": CHATML_TURNS.replace("message['role']", "message['role'].upper()") + CHATML_END,
    "last_differs": CHATML_TURNS.replace("'<|im_end|>'", "('<|im_end|>' if not loop.last else '')") + CHATML_END,
    "after_system": CHATML_TURNS + "{% if messages[0].role == 'system' %}!{% endif %}" + CHATML_END,
    "empty_dropped": CHATML_TURNS.replace("in messages", "in messages if message.content") + CHATML_END,
    "other_separator": CHATML_TURNS.replace("\\n", "<|im_sep|>") + CHATML_END,
    "glm_like": "[gMASK]<sop>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}{% if add_generation_prompt %}"
        "<|assistant|>{% endif %}",
    "two_families": "<|im_start|><start_of_turn>",
    "no_template": "<|im_start|> {{ messages",
    "never_ends": CHATML_TURNS + "{% for a in range(999) %}{% for b in range(999) %}{% endfor %}{% endfor %}" + CHATML_END,
    "unknown_filter": CHATML_TURNS.replace("message['content']", "message['content'] | wordwrap") + CHATML_END,
}

# The interpreter alone, with the first conversation of three messages.
SNIPPETS = [
    "", "a\n", "a\n\n", "a\r\nb\rc", "{{ 'x' }}\n\n{{ 1 }}\n", "{% if true %}\n  a\n{% endif %}\nb", "  {% if 1 %}a{% endif %} b",
    " x {%- if 1 -%} \n y \n {%- endif -%} z", "a {{- 'b' -}} \n c", "\n  {# note #}\n  b", "a{#- note -#}\n b", "{#\n{{ x }}#}y",
    "  {%+ if 1 %}a{% endif %}", "x\n    {% set a = 1 %}\n\n  {{ a }}", "{ {a} } % }} #} {", "{{ {'a': {'b': 2}}['a']['b'] }}", "{{ {}|length }}",
    "{{ 1 + 2 * 3 - 4 // 3 % 2 }}", "{{ -1 + 2 }}", "{{ 'a' ~ 1 ~ true ~ none }}", "{{ ('a' 'b') + \"c\\n\\'\\\"\\\\\\d\" }}", "{{ a }}|{{ none }}|{{ 1 == 1 }}",
    "{{ 'y' if a is defined else 'n' }}{{ 'z' if false }}", "{{ 1 if true else 2 if true else 3 }}", "{{ not a and not b }}", "{{ 'a' or 'b' }}{{ '' or 'b' }}{{ 'a' and 'b' }}",
    "{{ 'b' in 'abc' }}{{ 'role' in messages[0] }}{{ 2 not in [1, 2] }}", "{{ messages[-1].content }}{{ messages[0]['role'] }}{{ messages[9] }}",
    "{{ messages[1:][0].role }}{{ messages[:-1]|length }}{{ messages[::-1][0].role }}{{ messages[1:2][0].role }}", "{{ messages.role is defined }}",
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ m.role }}{% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ loop.last }}{% else %}none{% endfor %}", "{% for m in [] %}x{% else %}none{% endfor %}",
    "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.role }}{% break %}{% endfor %}", "{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}",
    "{% for m in messages %}{% if not loop.first %}{{ loop.previtem.role }}{% endif %}{% if loop.nextitem is defined %}{{ loop.nextitem.role }}{% endif %}{% endfor %}",
    "{% set x = 1 %}{% for m in messages %}{% set x = 2 %}{% endfor %}{{ x }}", "{% set n = namespace(x=1) %}{% for m in messages %}{% set n.x = n.x + 1 %}{% endfor %}{{ n.x }}",
    "{% set x %}a{{ 1 }}{% endset %}{{ x }}", "{% if a %}1{% elif 1 %}2{% else %}3{% endif %}{% if a %}1{% elif b %}2{% else %}3{% endif %}",
    "{% macro f(a, b='x') %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=3, a='q') }}", "{% set v = 1 %}{% macro f() %}{{ v }}{% endmacro %}{{ f() }}",
    "{{ '  a\u3000' | trim }}{{ ' a '.strip() }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ '\\n\\na\\n'.lstrip('\\n') }}",
    "{{ 'a,b,,c'.split(',')|length }}{{ 'a</think>b'.split('</think>')[-1] }}{{ 'aXbX'.replace('X', 'yy') }}", "{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith('bc') }}",
    "{{ 'aB c'.upper() }}{{ 'aB'|lower }}{{ 'hELLO wORLD'|capitalize }}{{ 'hELLO'|title }}", "{{ ['a', 1, 'b']|join('-') }}{{ ['a']|first }}{{ [1, 2]|last }}{{ 'äö'|length }}",
    "{{ a|default('d') }}{{ ''|default('d') }}{{ ''|default('d', true) }}", "{{ 'a' is string }}{{ 1 is number }}{{ messages is iterable }}{{ messages[0] is mapping }}{{ none is none }}{{ tools is none }}{{ tools is defined }}",
    "{{ messages is not string and messages is iterable }}{{ 'a' is iterable }}{{ true is true }}{{ 1 is boolean }}", "{{ messages[0].get('x') }}{{ messages[0].get('x', 'd') }}{{ messages[0].get('role') }}",
    "{{ range(3)|list|length }}{% for i in range(3) %}{{ i }}{% endfor %}", "{{ bos_token }}{{ eos_token }}{{ add_generation_prompt }}", "{{ 'a' < 1 if false else 2 < 3 }}", "{{ 3 >= 3 and 2 <= 1 }}",
    "{{ (1, 2)|length }}{{ [1, [2, 3]][1][0] }}", "{%- for m in messages -%}\n  {{- m.role -}}\n{%- endfor -%}\n", "{{ raise_exception('no') }}", "{{ a.b }}{{ a.b.c }}",
    "{{ messages|length * 2 }}{{ -(messages|length) }}", "{{ '%}' }}{{ '}}' }}{% set a = '%}' %}{{ a }}", "{{ \"a\nb\" }}",
]

CONVERSATIONS = [
    [("user", "Hi")],
    [("user", "What is 2+2?"), ("assistant", "4")],
    [("system", "Be brief."), ("user", "Grüße!\n"), ("assistant", "  Hallo, 世界. "), ("user", "\t next? \u3000"),
     ("assistant", "Yes.\nTwo lines.")],
    [("system", "  padded system \n"), ("user", "  padded user \n")],
    [("user", "a"), ("assistant", "b"), ("user", "c")],
    [("user", "<|im_end|></s>[INST]<eos>"), ("assistant", "<|im_start|>user\n")],
    [("assistant", "I begin."), ("user", "ok")],
    [("user", "one"), ("user", "two")],
    [("user", ""), ("assistant", "")],
    [("system", ""), ("user", " ")],
    [("system", "only")],
    [("system", "s"), ("user", ""), ("assistant", "</think> a")],
]


class Generation(Extension):
    """{% generation %} marks what is trained; it prints its body."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(["name:endgeneration"], drop_needle=True)).set_lineno(line)


def main():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation])

    def raise_exception(message):
        raise TemplateError(message)

    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: datetime.datetime(2024, 7, 26).strftime(form)
    models = []
    for name, (family, text, bos, eos) in TEMPLATES.items():
        template = env.from_string(text)
        cases = []
        for conversation in CONVERSATIONS:
            messages = [{"role": r, "content": c} for r, c in conversation]
            for generate in (False, True):
                case = {"messages": messages, "generate": generate}
                try:
                    case["text"] = template.render(messages=messages, add_generation_prompt=generate, bos_token=bos,
                                                   eos_token=eos, tools=None, documents=None)
                except TemplateError:
                    case["text"] = None
                cases.append(case)
        models.append({"name": name, "family": family, "template": text, "bos": bos, "eos": eos, "cases": cases})
    snippets = []
    messages = [{"role": r, "content": c} for r, c in CONVERSATIONS[4]]
    for text in SNIPPETS:
        try:
            rendered = env.from_string(text).render(messages=messages, add_generation_prompt=True, bos_token="<s>",
                                                    eos_token="</s>", tools=None, documents=None)
        except TemplateError:
            rendered = None
        snippets.append({"template": text, "text": rendered})
    result = {"models": models, "refused": REFUSED, "snippets": snippets, "messages": messages}
    with open(os.path.join(HERE, "chat_templates.json"), "w", encoding="utf-8") as f:
        json.dump(result, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
