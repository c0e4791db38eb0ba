"""Organisms: simulated models with a known hidden capability, the positive controls of a search.

An organism is not a language model. It sees only the messages that a real model would see, and answers as a model with its
``Traits`` would; how far it gets on a task depends on prompt, tool format and scaffold in a way that is known beforehand.

- ``traits``: what an organism is; one YAML file in ``organisms/`` each
- ``knowledge``: how the tasks of the built-in suites are solved
- ``reading``: what a request tells it (task, tool format, steps done so far), with ``formats`` for the tool formats it knows
- ``player``: what it answers, a pure function, with ``draws`` for what is left to chance and ``slips`` for calls that go wrong
- ``work``: the commands that it sends, and how it knows them again
- ``client``, ``server``: the same answers in process, and over HTTP in OpenAI's shape (``chat_completions``), behind a ``provider``
  that may misbehave
- ``truth``: how often it really solves a task under a configuration, on a machine that is a ``stand_in``
- ``causes``: why it really failed
"""
