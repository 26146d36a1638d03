#!/usr/bin/env python3
"""Writes chat_templates.json: templates of model families and what Jinja renders from them.

    python3 -m venv venv && venv/bin/pip install jinja2==3.1.6 && venv/bin/python tests/golden/make_chat_golden.py

The settings of the Jinja environment are those with which Hugging Face's library renders chat templates.
"""
import json
import os

from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = os.path.dirname(os.path.abspath(__file__))
ALTERNATE = ("{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
             "{{ raise_exception('roles must alternate') }}{% endif %}")

TEMPLATES = {
    # SmolLM2's, as in its GGUF file.
    "chatml_default_system": ("chatml", "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' "
        "%}{{ '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\\n' }}"
        "{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}", "<|im_start|>", "<|im_end|>"),
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
]


def main():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)

    def raise_exception(message):
        raise TemplateError(message)

    env.globals["raise_exception"] = raise_exception
    result = []
    for name, (family, text, bos, eos) in TEMPLATES.items():
        template = env.from_string(text)
        cases = []
        for conversation in CONVERSATIONS:
            messages = [{"role": r, "content": c} for r, c in conversation]
            for generate in (False, True):
                case = {"messages": messages, "generate": generate}
                try:
                    case["text"] = template.render(messages=messages, add_generation_prompt=generate, bos_token=bos,
                                                   eos_token=eos)
                except TemplateError:
                    case["text"] = None
                cases.append(case)
        result.append({"name": name, "family": family, "template": text, "bos": bos, "eos": eos, "cases": cases})
    with open(os.path.join(HERE, "chat_templates.json"), "w", encoding="utf-8") as f:
        json.dump(result, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
