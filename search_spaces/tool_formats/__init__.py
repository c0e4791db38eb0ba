"""How tool calls are written and read. Each module without a leading underscore is one format (``protocols.ToolFormat``)."""
